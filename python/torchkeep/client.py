"""Asking a worker, after it has proved to be one of those that the model's owner lists."""
import asyncio
import contextlib
import os
import pathlib
import threading
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from . import _core, nesting, owners
from .errors import InvalidArgument, NotFound, Unavailable
from .owners import PolicyLike
from .places import PathLike, owner_folder, split_id
from .site import Site, wait_words
from .stepping import Sequence as StepSequence

__all__ = ["Client", "Model", "load", "load_async"]
SERVING_SECONDS = 120
NOTICE_SECONDS = 5  # a worker looks at its folder every two seconds, and waits for a file to stop growing


class Client:
    """Attested sessions with one worker. *Thread-safe*: a call takes a session of its own, up to `connections` of them.

    `url` is the worker's "HOST:PORT" or "https://HOST:PORT". Either the owner's folder tells whose models are served and by
    which policy (`folder`, and then the owner asks as the owner), or a plain client says it: `owner` (the owner's public key,
    hex), `policy` (a dict or a file), `root` (root certificate, PEM) and `pccs`. A policy given beside a folder goes first.

    The first session is opened here: Untrusted or Denied mean that nothing but the session's own messages was sent.
    """

    def __init__(self, url: str, *, policy: Optional[PolicyLike] = None, owner: Optional[str] = None,
                 root: Optional[PathLike] = None, pccs: str = "", folder: Optional[PathLike] = None,
                 model: Optional[str] = None, connections: int = 4):
        if connections < 1:
            raise InvalidArgument("connections counts from 1")
        self.url, self._pid = url, os.getpid()
        place = _endpoint(url)
        if root is not None:
            if owner is None or policy is None:
                raise InvalidArgument("root= needs owner= (public key, hex) and policy= beside it: whose models are asked, and "
                                      "what their owner asks of workers")
            trust, as_owner = _core.Trust(root=str(root), pccs=pccs), False
        else:
            home = owner_folder(None, folder)
            trust = _core.Trust(folder=str(home), pccs=pccs)
            as_owner = owner is None
            owner = owner or owners.owner(home)["owner"]
            policy = policy if policy is not None else _stated_policy(home, model)
        self._parts = (place, owner, owners.policy_text(policy), trust, as_owner)
        self._idle: List["_core.Session"] = []
        self._places = threading.Semaphore(connections)
        self._lock = threading.Lock()
        self._closed = False
        with self._session():
            pass

    @contextlib.contextmanager
    def _session(self) -> Iterator["_core.Session"]:
        """A session that nobody else uses meanwhile. One that failed in the middle is not used again."""
        if os.getpid() != self._pid:
            raise InvalidArgument("this client was made before a fork; make another in the child process")
        with self._places:
            with self._lock:
                if self._closed:
                    raise InvalidArgument("this client is closed")
                session = self._idle.pop() if self._idle else None
            if session is None or not session.usable:
                session = _core.Session(*self._parts)
            try:
                yield session
            except InvalidArgument:
                self._put_back(session)
                raise
            self._put_back(session)

    def _put_back(self, session: "_core.Session") -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(session)

    @property
    def verdict(self) -> "Any":
        """Who is at the other end, as it proved last."""
        from .verdicts import Verdict
        with self._session() as session:
            # A session with a worker that the policy refuses does not come about.
            return Verdict(self.url, {"policy": {"holds": True, "clauses": []}, **session.peer})

    def infer(self, id: str, inputs: Dict[str, Any], version: int = 0, *, operator: str = "",
              outputs: Sequence[str] = ()) -> Dict[str, Any]:
        """Tensors in by name, tensors out by name: NumPy arrays, or torch tensors if all inputs are such.

        `version` 0 is the highest that is served. `operator` names the one that is called of a model that its owner secured
        (torchkeep.secure); `outputs` those that are wanted, all if none. Raises InvalidArgument for inputs that are not the model's, Unavailable
        while it is not served (with the reason), Denied or Untrusted as in the constructor.
        """
        _, name = split_id(id)
        arrays, as_torch = _arrays(inputs)
        with self._session() as session:
            if version == 0:
                version = max(session.describe(name, 0)[0], default=0)
            answers = session.infer(name, version, arrays, operator, list(outputs))
        return {output: _tensor(array) if as_torch else array for output, array in answers}

    def _step(self, name: str, version: int, inputs: Dict[str, Any], id: str, state: List[Tuple[str, str]],
              end: bool) -> Tuple[str, Dict[str, Any]]:
        arrays, as_torch = _arrays(inputs)
        with self._session() as session:
            id, answers = session.step(name, version, arrays, [], id, state, end)
        return id, {output: _tensor(array) if as_torch else array for output, array in answers}

    async def infer_async(self, id: str, inputs: Dict[str, Any], version: int = 0) -> Dict[str, Any]:
        """`infer` in an event loop; calls run beside each other, up to `connections` at a time."""
        return await asyncio.get_running_loop().run_in_executor(None, self.infer, id, inputs, version)

    def model(self, id: str, version: int = 0) -> "Model":
        """A callable that answers as the module did that was protected under that id. Raises NotFound, Unavailable."""
        _, name = split_id(id)
        with self._session() as session:
            versions, inputs, outputs = session.describe(name, version)
        return Model(self, id, version or max(versions, default=0), inputs, outputs)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if os.getpid() == self._pid:
                self._idle.clear()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<torchkeep.Client of the attested worker at {self.url}>"


class Model:
    """A protected model that is served somewhere: called as the module was, it answers as the module did.

    Tensors of PyTorch in give tensors of PyTorch out, on the CPU and without gradients; NumPy arrays give NumPy arrays.
    *Thread-safe*.
    """

    def __init__(self, client: Client, id: str, version: int, inputs: Sequence[Tuple[str, str, List[int]]],
                 outputs: Sequence[Tuple[str, str, List[int]]]):
        self.client, self.id, self.version = client, id, version
        self.inputs, self.outputs = list(inputs), list(outputs)
        self._roots = nesting.roots_of([name for name, _, _ in self.inputs])
        self.last_ms: Optional[float] = None  #: What the last call took, transport and all.

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        flat = self._bind(arguments, keywords)
        started = time.perf_counter()
        answers = self.client.infer(self.id, flat, self.version)
        self.last_ms = 1000 * (time.perf_counter() - started)
        return nesting.rebuild([(name, answers[name]) for name, _, _ in self.outputs])

    def sequence(self, state: Dict[str, Any]) -> StepSequence:
        """Calls whose state stays in the worker's enclave from one to the next, as a language model's cache does.

        `state` names each argument that is state, and the place of what becomes it in what the module returns: an index, a key,
        or () for all of it. `with model.sequence({"past": 1}) as step:` then `logits, _ = step(ids)`: `past` is given at the first
        call or not at all (it begins empty then), and what becomes it comes back as None. Nothing else is kept of a call.

        A sequence is one caller's: its id is a secret that the worker chose. It ends with the `with` block, or when nobody called
        it for as long as the worker's config.json says. A call that fails leaves it as it was. Raises InvalidArgument for state
        that the model does not have, NotFound for a sequence that has ended, Unavailable where the worker holds too many.
        """
        return StepSequence(self, state)

    async def call_async(self, *arguments: Any, **keywords: Any) -> Any:
        """The same in an event loop: `await model.call_async(x)`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: self(*arguments, **keywords))

    def _bind(self, arguments: tuple, keywords: Dict[str, Any], kept: Sequence[str] = ()) -> Dict[str, Any]:
        """`kept`: inputs that may be missing, since they are a sequence's state."""
        if len(arguments) > len(self._roots):
            raise InvalidArgument(f"{len(arguments)} arguments, but the model takes {', '.join(self._roots)}")
        given = dict(zip(self._roots, arguments))
        for name, value in keywords.items():
            if name not in self._roots or name in given:
                raise InvalidArgument(f"argument {name!r} is {'given twice' if name in given else 'none of the model'}; it takes "
                                      f"{', '.join(self._roots)}")
            given[name] = value
        flat = dict(pair for name, value in given.items() if value is not None
                    for pair in nesting.flatten(value, name, _is_tensor))
        for name, datatype, shape in self.inputs:
            if name not in flat and name in kept:
                continue
            if name not in flat:
                raise InvalidArgument(f"the model also takes {name} ({datatype} {_sides(shape)})")
            _check_port(name, flat[name], datatype, shape)
        known = {name for name, _, _ in self.inputs}
        unknown = [name for name in flat if name not in known]
        if unknown:
            raise InvalidArgument(f"the model was protected without {unknown[0]}; it takes {', '.join(sorted(known))}")
        return flat

    def __repr__(self) -> str:
        def ports(listed: Sequence[Tuple[str, str, List[int]]]) -> str:
            return ", ".join(f"{name} {datatype} {_sides(shape)}" for name, datatype, shape in listed)
        return (f"<torchkeep.Model {self.id} version {self.version} at {self.client.url}: {ports(self.inputs)} -> "
                f"{ports(self.outputs)}>")


def load(source: Union[PathLike, str], *, site: Optional[Site] = None, url: Optional[str] = None, id: Optional[str] = None,
         version: int = 0, wait_seconds: float = SERVING_SECONDS, **how: Any) -> Model:
    """A callable that behaves like the protected module, and is answered by an attested worker.

    On this machine: `load("resnet50.tkm", site=torchkeep.local())` gives the container to the site's worker, which fetches its
    key by itself. Over the network: `load("acme/resnet50", url="HOST:PORT", ...)`, with what `Client` takes. Waits until the
    model is served, `wait_seconds` at most. Raises NotFound, Unavailable with the worker's reason, Denied, Untrusted.
    """
    if (site is None) == (url is None):
        raise InvalidArgument("say who serves it: site=torchkeep.local() on this machine, or url=\"HOST:PORT\"")
    if url is not None:
        model_id = id or str(source)
        _, name = split_id(model_id)
        return _await_model(Client(url, model=name, **how), model_id, version, wait_seconds)
    assert site is not None
    path = pathlib.Path(source)
    if not path.is_file():
        raise NotFound(f"no container {path}; torchkeep.protect writes one")
    model_id = id or _core.describe_recovery(str(path))["name"]
    alias, name = split_id(model_id)
    found = _core.describe_container(str(path))["version"]
    if version not in (0, found):
        raise InvalidArgument(f"{path} is version {found}, not {version}")
    folder = site.owner(alias)
    replaced = site.place(path, alias, name, found)
    client = Client(site.worker(alias), folder=folder, model=name, **how)
    return _await_model(client, model_id, found, wait_seconds, NOTICE_SECONDS if replaced else 0)


async def load_async(source: Union[PathLike, str], **how: Any) -> Model:
    """`load` in an event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: load(source, **how))


def _await_model(client: Client, id: str, version: int, seconds: float, stale_seconds: float = 0) -> Model:
    """`stale_seconds`: how long the worker may still speak of what stood there before."""
    started = time.monotonic()
    deadline, heeded = started + seconds, started + min(stale_seconds, seconds)
    while True:
        try:
            return client.model(id, version)
        except (Unavailable, NotFound) as error:
            passes = isinstance(error, NotFound) or wait_words(error) or time.monotonic() < heeded
            if not passes or time.monotonic() > deadline:
                client.close()
                raise
        time.sleep(0.05)


def _endpoint(url: str) -> str:
    place = url[len("https://"):] if url.startswith("https://") else url
    if "://" in place or "/" in place.rstrip("/"):
        raise InvalidArgument(f"{url!r} is no worker's address; write \"HOST:PORT\" or \"https://HOST:PORT\"")
    return place.rstrip("/")


def _stated_policy(home: pathlib.Path, model: Optional[str]) -> Dict[str, Any]:
    if model is None:
        names = owners.owner(home)["models"]
        if len(names) != 1:
            raise InvalidArgument(f"which policy do workers have to meet: give model=, one of {', '.join(names) or 'none yet'}, or "
                                  f"policy=")
        model = names[0]
    stated = _core.stated_policy(str(home), model)
    if stated is None:
        raise NotFound(f"no model \"{model}\" in {home}; register it, or give policy=")
    return stated


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "__array__") or _is_torch(value)


def _is_torch(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "torch" or any(
        base.__module__ == "torch" for base in type(value).__mro__)


def _arrays(inputs: Dict[str, Any]) -> Tuple[List[Tuple[str, Any]], bool]:
    import numpy
    torch_inputs = [_is_torch(value) for value in inputs.values()]
    arrays = []
    for name, value in inputs.items():
        if _is_torch(value):
            from .adapter import to_array
            arrays.append((name, to_array(name, value)))
        else:
            arrays.append((name, numpy.asarray(value)))
    return arrays, bool(torch_inputs) and all(torch_inputs)


def _tensor(array: Any) -> Any:
    import torch
    return torch.from_numpy(array)


_DATATYPES = {"bool": "BOOL", "uint8": "UINT8", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
              "float32": "FP32", "float64": "FP64"}


def _check_port(name: str, value: Any, datatype: str, shape: Sequence[int]) -> None:
    """Wrong types and shapes are told here, before anything is sent. What a worker refuses besides is Malformed."""
    if _is_torch(value):
        from .adapter import check
        check(name, value)
    found, sides = str(value.dtype).split(".")[-1], list(value.shape)
    if _DATATYPES.get(found) != datatype:
        wanted = next((word for word, other in _DATATYPES.items() if other == datatype), datatype)
        raise InvalidArgument(f"{name} is of dtype {found}; the model takes {datatype}: convert it to {wanted}")
    if len(sides) != len(shape) or any(want not in (-1, side) for side, want in zip(sides, shape)):
        raise InvalidArgument(f"{name} has the shape {sides}; the model takes {_sides(shape)}")


def _sides(shape: Sequence[int]) -> str:
    return "[" + ", ".join("?" if side < 0 else str(side) for side in shape) + "]"
