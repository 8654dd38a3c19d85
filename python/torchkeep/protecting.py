"""From a PyTorch model in clear to a container that only attested enclaves can open."""
import dataclasses
import os
import pathlib
import re
import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from . import _core
from .errors import Error, InvalidArgument, Malformed, Unsupported
from .owners import PolicyLike, policy_text
from .places import PathLike, clear_folder, owner_folder, split_id
from .site import Site

__all__ = ["protect", "Protected"]


@dataclasses.dataclass(frozen=True)
class Protected:
    """What `protect` made."""
    path: pathlib.Path  #: The container: ciphertext, safe to copy anywhere.
    recovery: pathlib.Path  #: Its key, which only the owner's recovery key opens. Keep it.
    id: str
    version: int
    container_digest: str  #: What the owner's registration signs.
    largest_difference: Optional[float]  #: Of any output, the engine's against PyTorch's; None if nothing was compared.
    dynamic_axes: Dict[str, Dict[int, str]]  #: Sides that callers choose.
    registered: bool  #: Whether a key server has the key.


def protect(module: Any, example_inputs: Any = None, path: PathLike = "", *, id: str, version: int = 1,
            keyserver: Union[None, str, Site] = None, policy: Optional[PolicyLike] = None,
            owner: Optional[PathLike] = None, dynamic_axes: Optional[Dict[str, Dict[int, str]]] = None,
            replace: bool = False, publish_signature: bool = False, into: Any = None, quiet: bool = False) -> Protected:
    """Exports a model, checks that the engine answers as PyTorch does, encrypts it, and registers its key.

    `module` is a torch.nn.Module, a ScriptModule, or the path of a .pt (TorchScript or a whole module) or .onnx file; or a
    state dict or the .pt file of one, and `into` the module that gives it a forward() (a copy is filled, it stays as it is).
    `example_inputs` is what it is traced with and compared on: a tensor, a tuple of arguments, or a dict of keyword arguments,
    each a tensor or tuples, lists and dicts of tensors. An .onnx file needs none, and is compared with nothing then.
    `path` is the container to write, by default NAME.tkm; `id` is "NAME" or "OWNER/NAME" (an owner's alias, see
    docs/python.md); `version` counts up with each new version of the model.

    `keyserver` says who keeps the key: a local site (`torchkeep.local()`), or "HOST:PORT" of the key server that this owner
    was introduced to; None encrypts only, `torchkeep.register` follows. `policy` says which enclaves may have it, and is
    needed for a new model at a real key server.

    `dynamic_axes` names the sides that callers choose, as {"input_ids": {0: "batch", 1: "sequence"}}; {} fixes all; without
    it the first side of all inputs is tried as "batch". Each named side is tried out with twice the examples' size.
    `publish_signature` lets the host read names and shapes of inputs and outputs; `replace` overwrites a container.

    Raises Unsupported, naming operator and module, with a hint, before anything is written; after a failure and after Ctrl-C
    neither container nor recovery file is there. Where only the key server fails or refuses, both are, and
    `torchkeep.register` tries again; the exception says how.
    """
    name, target, folder, who = _settle(id, path, keyserver, owner, replace)
    terms = _terms(keyserver, policy, folder, name)
    with clear_folder(_clear_bytes(module)) as work:
        engine, difference, axes = _prepare(module, into, example_inputs, pathlib.Path(work), dynamic_axes, quiet)
        if difference is not None:
            _say(quiet, f"The engine answers as PyTorch does: largest difference {difference:.2g}")
        with _Bar(f"encrypting {target.name}", quiet) as bar:
            made = _core.protect(str(folder), engine, name, version, str(target), replace, publish_signature, bar.show)
    _say(quiet, f"Protected as version {version} of \"{id}\": {target} ({target.stat().st_size / 1e6:.1f} MB)")
    if keyserver is not None:
        _register(folder, name, terms, target, id)
        _say(quiet, f"Its key is at the key server, {who['key_server']}; keep {made['recovery']} as well")
    return Protected(path=target, recovery=pathlib.Path(made["recovery"]), id=id, version=version,
                     container_digest=made["container_digest"], largest_difference=difference, dynamic_axes=axes,
                     registered=keyserver is not None)


def _clear_bytes(module: Any) -> int:
    """About what the model takes in clear, to choose where it goes; what is no model is refused later."""
    if isinstance(module, (str, os.PathLike)):
        return pathlib.Path(module).stat().st_size if pathlib.Path(module).is_file() else 0
    import torch
    tensors = module if isinstance(module, dict) else module.state_dict() if isinstance(module, torch.nn.Module) else {}
    return sum(each.numel() * each.element_size() for each in tensors.values()
               if isinstance(each, torch.Tensor) and not torch.nn.parameter.is_lazy(each))


def _register(folder: pathlib.Path, name: str, terms: Optional[str], target: pathlib.Path, id: str) -> None:
    """The last step, over the network: a failure keeps what was made, and says how to go on."""
    try:
        _core.register_model(str(folder), "", name, terms, str(target))
    except Error as error:
        policy = ", policy=..." if terms is not None else ""
        error.args = (f"{error}. {target} and its recovery file are kept; its key is not registered yet: "
                      f"torchkeep.register({str(target)!r}, id={id!r}, owner={str(folder)!r}{policy})",)
        raise


def _settle(id: str, path: PathLike, keyserver: Union[None, str, Site], owner: Optional[PathLike],
            replace: bool) -> Tuple[str, pathlib.Path, pathlib.Path, Dict[str, Any]]:
    """The model's name, where its container goes, the owner's folder and who the owner is; refused before anything is done."""
    alias, name = split_id(id)
    target = pathlib.Path(path or f"{name}.tkm")
    folder = keyserver.owner(alias) if isinstance(keyserver, Site) else owner_folder(alias, owner)
    who = _core.describe_owner(str(folder))
    _check_place(target, replace)
    if isinstance(keyserver, str) and who.get("key_server") != keyserver:
        raise InvalidArgument(f"this owner's key server is {who.get('key_server', 'not pinned yet')}, not {keyserver}; "
                              f"torchkeep.introduce(\"{keyserver}\", ...) comes first")
    return name, target, folder, who


def _terms(keyserver: Union[None, str, Site], policy: Optional[PolicyLike], folder: pathlib.Path,
           name: str) -> Optional[str]:
    """The policy to register under, as text; None if the model is known and keeps its own."""
    if keyserver is None:
        if policy is not None:
            raise InvalidArgument("policy= is for the key server: give keyserver= too, or torchkeep.register(..., policy=...)")
        return None
    if policy is not None:
        return policy_text(policy)
    if _core.stated_policy(str(folder), name) is not None:
        return None
    if isinstance(keyserver, Site):
        return policy_text(keyserver.policy())
    raise InvalidArgument(f"\"{name}\" is new to the key server: give its policy= (torchkeep.policy makes one)")


def _check_place(target: pathlib.Path, replace: bool) -> None:
    if not target.absolute().parent.is_dir():
        raise InvalidArgument(f"no folder {target.absolute().parent}")
    for place in (target, pathlib.Path(f"{target}.recovery")):
        if place.exists() and not replace:
            raise InvalidArgument(f"{place} is there already: write elsewhere, or replace=True")


def _prepare(source: Any, into: Any, examples: Any, work: pathlib.Path, axes: Optional[Dict[str, Dict[int, str]]],
             quiet: bool) -> Tuple["_core.Engine", Optional[float], Dict[str, Dict[int, str]]]:
    if isinstance(source, (str, os.PathLike)):
        source = pathlib.Path(source)
        if source.suffix == ".onnx":
            if into is not None:
                raise InvalidArgument("into= is for a state dict; an .onnx file is a whole model")
            return _prepare_onnx(source, examples)
    import torch
    from . import export
    if isinstance(source, pathlib.Path):
        if source.suffix not in (".pt", ".pth"):
            raise InvalidArgument(f"{source}: give a .pt or .onnx file, or the module itself")
        if not source.is_file():
            raise InvalidArgument(f"no file {source}")
        source = export.load_file(source)
    source = _filled(source, into)
    if not isinstance(source, torch.nn.Module):
        raise InvalidArgument(f"a {type(source).__name__} cannot be protected; give a torch.nn.Module, a ScriptModule, a state dict "
                              "with into=, or the path of a .pt or .onnx file")
    if examples is None:
        raise InvalidArgument("give example_inputs: tensors that the module is traced with, and compared on")
    training = {module: module.training for module in source.modules()}
    if any(training.values()):
        _say(quiet, "The module is in training mode; it is protected as it answers in eval() mode")
    source.eval()
    try:
        return _prepare_module(source, examples, work / "model.onnx", axes, quiet)
    finally:
        for module, was in training.items():
            module.training = was


def _filled(source: Any, into: Any) -> Any:
    """The module to protect: as it is given, or `into` with a state dict's parameters."""
    import torch
    from . import export
    if isinstance(source, dict):
        if not isinstance(into, torch.nn.Module):
            raise InvalidArgument("a state dict has no forward(): give into= the module that it was taken from")
        return export.fill(into, source)
    if into is not None:
        raise InvalidArgument(f"into= is for a state dict, and this is a {type(source).__name__}: leave it out")
    return source


def _prepare_onnx(source: pathlib.Path, examples: Any) -> Tuple["_core.Engine", Optional[float], Dict[str, Dict[int, str]]]:
    if examples is not None:
        raise InvalidArgument("an .onnx file is taken as it is, there is nothing to compare its answers with; leave "
                              "example_inputs out")
    engine = _load_engine(source)
    return engine, None, {name: {i: "?" for i, side in enumerate(shape) if side < 0} for name, _, shape in engine.inputs}


def _prepare_module(module: Any, examples: Any, file: pathlib.Path, axes: Optional[Dict[str, Dict[int, str]]],
                    quiet: bool) -> Tuple["_core.Engine", Optional[float], Dict[str, Dict[int, str]]]:
    from . import adapter, agreement
    pairs = adapter.bind(module, examples)
    flat = adapter.Flat(module, [name for name, _ in pairs]).eval()
    tensors = [tensor.detach() for _, tensor in pairs]
    empty = [name for name, tensor in pairs if tensor.numel() == 0]
    if empty:
        raise InvalidArgument(f"{empty[0]} has no elements; an example must have some")
    try:
        plain = agreement.answer(flat, tensors)
    except (InvalidArgument, KeyboardInterrupt):
        raise
    except Exception as error:  # the module's own, of any kind
        raise InvalidArgument(f"the module fails on its example_inputs: {type(error).__name__}: "
                              f"{str(error).strip().splitlines()[0] if str(error).strip() else ''}") from error
    chosen = _chosen_axes(flat, tensors, axes)
    if axes is not None or not any(chosen):
        return (*_attempt(flat, tensors, plain, chosen, file, quiet), _by_name(flat, chosen))
    try:
        return (*_attempt(flat, tensors, plain, chosen, file, quiet), _by_name(flat, chosen))
    except Unsupported as refusal:
        if refusal.operator:
            raise  # the exporter's; the engine's own refusal may be of the open side alone
        fixed: List[Dict[int, str]] = [{} for _ in tensors]
        made = _attempt(flat, tensors, plain, fixed, file, quiet)  # its own refusal counts, if it has one
        _say(quiet, f"The batch size is fixed to {tensors[0].shape[0]}: with another one, {refusal}")
        return (*made, _by_name(flat, fixed))


def _by_name(flat: Any, axes: Sequence[Dict[int, str]]) -> Dict[str, Dict[int, str]]:
    return {name: dict(each) for name, each in zip(flat.names, axes) if each}


def _chosen_axes(flat: Any, tensors: Sequence[Any], axes: Optional[Dict[str, Dict[int, str]]]) -> List[Dict[int, str]]:
    """The open sides of each input: as the user says, or the first one of all inputs if they are alike."""
    if axes is None:
        alike = all(t.dim() > 0 and t.shape[0] == tensors[0].shape[0] for t in tensors)
        return [{0: "batch"} if alike else {} for _ in tensors]
    unknown = [name for name in axes if name not in flat.names]
    if unknown:
        raise InvalidArgument(f"dynamic_axes names {unknown[0]!r}; the inputs are {', '.join(flat.names)}")
    chosen = []
    for name, tensor in zip(flat.names, tensors):
        sides = axes.get(name, {})
        for axis, symbol in sides.items():
            if not isinstance(axis, int) or not 0 <= axis < tensor.dim() or not re.fullmatch(r"[A-Za-z_]\w*", str(symbol)):
                raise InvalidArgument(f"dynamic_axes[{name!r}] has {axis!r}: {symbol!r}; write the side's number, 0 to "
                                      f"{tensor.dim() - 1}, and a word for it")
        chosen.append(dict(sides))
    return chosen


def _attempt(flat: Any, tensors: Sequence[Any], plain: Sequence[Any], axes: Sequence[Dict[int, str]], file: pathlib.Path,
             quiet: bool) -> Tuple["_core.Engine", float]:
    """Exports with these open sides, and compares on the examples, which PyTorch answers with `plain`, and on grown ones.
    Raises Unsupported."""
    from . import agreement, export
    symbols = list(dict.fromkeys(symbol for each in axes for symbol in each.values()))
    open_sides = {name: dict(each) for name, each in zip(flat.names, axes) if each}
    grown_by = {}
    for symbol in symbols:
        grown = export.grow(tensors, axes, symbol)
        try:
            answers = agreement.answer(flat, grown)
        except Exception as error:  # the module's own, of any kind
            raise Unsupported(f"the module itself fails with another {symbol} size: "
                              f"{str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}",
                              hint="leave that side out of dynamic_axes") from None
        for name, before, after in zip(flat.output_names, plain, answers):
            changed = {i: symbol for i in range(before.dim()) if before.dim() == after.dim()
                       and before.shape[i] != after.shape[i]}
            open_sides.setdefault(name, {}).update(changed)
        grown_by[symbol] = grown, answers
    branches = export.export(flat, tensors, file, {name: sides for name, sides in open_sides.items() if sides})
    try:
        engine = _load_engine(file, flat)
    except Unsupported as refusal:
        if symbols and "not supported" not in str(refusal):  # an operator that the engine lacks has nothing to do with sides
            raise Unsupported(f"with the sides {', '.join(symbols)} open, {refusal}",
                              hint="dynamic_axes={} fixes all sides") from None
        raise
    largest = agreement.compare(engine, flat, tensors, plain)
    for symbol, (grown, answers) in grown_by.items():
        try:
            largest = max(largest, agreement.compare(engine, flat, grown, answers))
        except (Unsupported, Malformed, InvalidArgument) as error:
            raise Unsupported(f"with another {symbol} size the exported model is not the module: {error}",
                              hint="a size that forward() turns into a Python number is fixed; use tensor.shape in it, or leave "
                                   "that side out of dynamic_axes") from None
    if branches:
        _probe(engine, flat, tensors, branches, quiet)
    return engine, largest


def _probe(engine: "_core.Engine", flat: Any, tensors: Sequence[Any], branches: Sequence[str], quiet: bool) -> None:
    """A trace took a Python branch: it counts as right only if other inputs come out the same too."""
    from . import agreement
    for probe in agreement.probes(tensors):
        try:
            answers = agreement.answer(flat, probe)
        except Exception:  # an input that the module does not take is no probe
            continue
        try:
            agreement.compare(engine, flat, probe, answers)
        except (Unsupported, Malformed) as error:
            raise Unsupported(f"what this module does depends on the numbers it is given, at {branches[0]}: {error}",
                              hint="write the branch with torch.where, or make the module a ScriptModule with "
                                   "torch.jit.script, which keeps branches") from None
    _say(quiet, f"Note: forward() turns a tensor into a Python value at {branches[0]}; other inputs agreed too")


def _load_engine(file: pathlib.Path, flat: Any = None) -> "_core.Engine":
    try:
        return _core.Engine(str(file))
    except Malformed as error:
        message = str(error).replace(f"{file}: ", "")
        found = re.search(r"operator (\S+) \(node ([^)]*)\)", message)
        if not found:
            raise Unsupported(f"the engine cannot run this model: {message}") from None
        module = None
        if flat is not None:
            from .export import module_of_node
            module = module_of_node(found[2])
        raise Unsupported(f"the engine cannot run this model: {message}", operator=found[1], module=module,
                          hint="docs/conformance.md lists what the engine runs; write that module with other operators") from None


def _say(quiet: bool, words: str) -> None:
    if not quiet:
        print(words, flush=True)


class _Bar:
    """A bar on standard error, if that is a terminal."""

    def __init__(self, label: str, quiet: bool):
        self.label, self.on = label, not quiet and sys.stderr.isatty()

    def show(self, share: float) -> None:
        if self.on:
            done = int(30 * share)
            print(f"\r{self.label} [{'#' * done}{'.' * (30 - done)}] {100 * share:3.0f} %", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: Any) -> None:
        if self.on:
            print(file=sys.stderr)
