"""Where a secured model's operators are called."""
import json
import os
import pathlib
import shutil
import tempfile
import threading
from typing import Any, Dict, Optional, Sequence, Tuple

import torch

from . import _core, operators
from .client import Client, Model, _check_port, load
from .errors import Denied, Error, InvalidArgument, NotFound, Unavailable, Untrusted
from .pieces import Origin
from .places import PathLike, split_id
from .site import Site


class Service:
    """Where a secured model's operators are called: nowhere yet, or by a worker that has proved what it is. *Thread-safe*."""

    def __init__(self, site: Optional[Site], url: Optional[str], repository: Optional[PathLike], expect: Optional[str],
                 wait_seconds: float, how: Dict[str, Any]):
        self._site, self._url, self._repository, self._expect = site, url, repository, expect
        self._wait_seconds, self._how = wait_seconds, how
        self._lock = threading.Lock()
        self._model: Optional[Model] = None
        self._later: Optional[Tuple[Origin, pathlib.Path]] = None
        self._ports: Dict[str, Dict[str, Tuple[str, Sequence[int]]]] = {}
        self.described: Dict[str, Any] = {}

    def bind_later(self, origin: Origin, container: pathlib.Path) -> None:
        """Called by its owner: the worker is asked when the first call comes."""
        self._later = (origin, container)

    def bind(self, origin: Origin, container: bytes) -> None:
        """Raises Untrusted if the worker finds that these are not the bytes that the owner signed, Denied if the owner's policy
        does not allow operator mode, InvalidArgument if the modules here are others."""
        if self._expect is not None and origin.id != self._expect:
            raise Untrusted(f"this state dict is of model {origin.id}, not of {self._expect}")
        if self._site is None and self._url is None:
            raise InvalidArgument("say who serves it: torchkeep.secure(model, site=torchkeep.local()) on this machine, or "
                                  "url=\"HOST:PORT\"")
        split_id(origin.id)
        with self._lock, tempfile.TemporaryDirectory(prefix="torchkeep-") as folder:
            self._model = None
            file = pathlib.Path(folder) / "model.tkm"
            file.write_bytes(container)
            found = _core.describe_container(str(file))
            if found["payload_kind"] != "operators" or found["version"] != origin.version:
                raise Untrusted(f"the pieces say that they are of operators of version {origin.version}; the container that they make "
                                f"says {found['payload_kind']} of version {found['version']}")
            self._connect(origin, file)

    def _connect(self, origin: Origin, file: pathlib.Path) -> None:
        try:
            if self._site is not None:
                self._check_place(origin, file)
                model = load(file, site=self._site, id=origin.id, wait_seconds=self._wait_seconds, **self._how)
            else:
                if self._repository is not None:
                    _place(file, pathlib.Path(self._repository), origin)
                model = load(origin.id, url=self._url, version=origin.version, wait_seconds=self._wait_seconds, **self._how)
        except Unavailable as error:
            raise _as_judged(error) from None
        answer = model.client.infer(origin.id, {}, origin.version, operator=operators.MANIFEST)
        told = operators.differences(self.described, json.loads(answer["json"].tobytes()))
        if told:
            model.client.close()
            more = f" (and {len(told) - 3} more)" if len(told) > 3 else ""
            raise InvalidArgument(f"this model is not the one that was secured: {'; '.join(told[:3])}{more}")
        self._ports = {}
        for name, datatype, shape in model.inputs:
            path, _, port = name.rpartition(":")
            self._ports.setdefault(path, {})[port] = (datatype, shape)
        self._model = model

    def _check_place(self, origin: Origin, file: pathlib.Path) -> None:
        """A version that is served already was signed once: other bytes in its name are not what its owner signed."""
        assert self._site is not None
        alias, name = split_id(origin.id)
        there = self._site.placed(alias, name, origin.version)
        if there is not None and there.read_bytes() != file.read_bytes():
            if self._is_served(alias, name, origin):
                raise Untrusted(f"{origin.id} version {origin.version} is served from another container than these pieces make")

    def _is_served(self, alias: Optional[str], name: str, origin: Origin) -> bool:
        assert self._site is not None
        try:
            with Client(self._site.worker(alias), folder=self._site.owner(alias), model=name) as client:
                client.model(origin.id, origin.version)
            return True
        except (Unavailable, NotFound):
            return False

    def call(self, path: str, inputs: Dict[str, torch.Tensor], outputs: Sequence[str]) -> Dict[str, torch.Tensor]:
        model = self._model or self._first()
        for name, tensor in inputs.items():
            _check_port(name, tensor, *self._ports[path][name])
        return model.client.infer(model.id, inputs, model.version, operator=path, outputs=outputs)

    def _first(self) -> Model:
        with self._lock:
            if self._model is None:
                if self._later is None:
                    raise InvalidArgument("this model has no ciphertext yet: load_state_dict(torch.load(path))")
                if self._site is None and self._url is None:
                    raise InvalidArgument("its owner said nobody who serves it: secure(..., site=...) or url=...")
                self._connect(*self._later)
            assert self._model is not None
            return self._model

    @property
    def client(self) -> Any:
        """The attested client, for its verdict."""
        return (self._model or self._first()).client


def _place(file: pathlib.Path, repository: pathlib.Path, origin: Origin) -> None:
    folder = repository / split_id(origin.id)[1] / str(origin.version)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / "model.part")
    os.replace(folder / "model.part", folder / "model.tkm")


def _as_judged(error: Unavailable) -> Error:
    """What a worker says of a model that it does not serve, as the exception that it means."""
    told = str(error)
    if "not the one that its owner signed" in told or "container cannot be used" in told:
        return Untrusted(told)
    return Denied(told) if "does not allow that single operators" in told else error
