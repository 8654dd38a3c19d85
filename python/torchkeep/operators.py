"""From a module's layers to one graph of operators, each of which is called by itself."""
import json
import pathlib
from typing import Any, Dict, List, Sequence, Tuple, Type

import torch

from . import _core, agreement, export, layers, sequences
from .adapter import to_array
from .errors import InvalidArgument, Malformed, Unsupported
from .secured import Example, Secured, tensors_of

MANIFEST = "@manifest"
_KINDS: Dict[type, Type[Secured]] = {each.kind: each for each in (*layers.KINDS, *sequences.KINDS)}
_COVERED = ", ".join(kind.__name__ for kind in _KINDS)
Found = Dict[str, Tuple[torch.nn.Module, Type[Secured]]]  # what is replaced and by which kind, by path
_WHOLE = "operator mode covers " + _COVERED + "; torchkeep.protect serves any module, whole"


def find(model: torch.nn.Module) -> Found:
    """What is replaced, by path. Raises Unsupported, naming what would stay in clear."""
    if isinstance(model, torch.jit.ScriptModule):
        raise Unsupported("a ScriptModule cannot be secured layer by layer", hint="torchkeep.protect serves it whole")
    found: Found = {}
    within: set = set()
    for path, module in model.named_modules():
        if module in within:
            continue
        if isinstance(module, Secured):
            raise InvalidArgument(f"{path or 'this module'} is secured already")
        kind = _kind_of(path or "module", module)
        if kind is None:
            _check_clear(path, module)
        elif tensors_of(module):
            found[path or "module"] = (module, kind)
            within.update(module.modules())
    if not found:
        raise Unsupported("nothing in this module has parameters to secure", hint=_WHOLE)
    return found


def _kind_of(path: str, module: torch.nn.Module) -> Any:
    base = next((known for known in type(module).__mro__ if known in _KINDS), None)
    if base is None:
        return None
    if type(module).forward is not base.forward or \
            getattr(type(module), "_conv_forward", None) is not getattr(base, "_conv_forward", None):
        raise Unsupported(f"{path} is a {type(module).__name__}, which answers otherwise than {base.__name__}", module=path, hint=_WHOLE)
    if any(getattr(module, hooks) for hooks in ("_forward_pre_hooks", "_forward_hooks", "_backward_hooks")) or \
            hasattr(module, "parametrizations"):
        raise Unsupported(f"{path} has hooks or parametrizations, which would be lost", module=path,
                          hint="remove them (torch.nn.utils.remove_weight_norm and the like), or use torchkeep.protect")
    if any(isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin) for tensor in tensors_of(module).values()):
        raise InvalidArgument(f"{path} has no parameters yet: call the module once")
    reason = _KINDS[base].refusal(module) if tensors_of(module) else None
    if reason:
        raise Unsupported(f"{path} ({base.__name__}): {reason}", module=path, hint="torchkeep.protect serves the model whole")
    return _KINDS[base]


def _check_clear(path: str, module: torch.nn.Module) -> None:
    own = [name for name, value in module._parameters.items() if value is not None]
    own += [name for name, value in module._buffers.items()
            if value is not None and name not in module._non_persistent_buffers_set]
    if own:
        where = f"{path}.{own[0]}" if path else own[0]
        raise Unsupported(f"{where} of {type(module).__name__} would stay in clear", module=path, hint=_WHOLE)


def describe(module: torch.nn.Module, kind: Type[Secured]) -> Dict[str, Any]:
    """What two programs must agree on about a module: its kind, its settings, names, types and shapes of its tensors."""
    settings = {name: value if not isinstance(value, tuple) else list(value) for name, value in module.__dict__.items()
                if not name.startswith("_") and name != "training" and isinstance(value, (bool, int, float, str, tuple))}
    return {"kind": kind.kind.__name__, "settings": settings,
            "tensors": {name: [str(tensor.dtype).split(".")[-1], list(tensor.shape)]
                        for name, tensor in tensors_of(module).items()}}


def differences(own: Dict[str, Any], served: Dict[str, Any]) -> List[str]:
    """How the modules here are not those that were secured. Settings that only one PyTorch has do not count."""
    told = [f"{path} is {'not here' if path in served else 'not in the secured model'}" for path in sorted(own.keys() ^ served.keys())]
    for path in sorted(own.keys() & served.keys()):
        here, there = own[path], served[path]
        if here["kind"] != there["kind"]:
            told.append(f"{path} is a {here['kind']} here, a {there['kind']} in the secured model")
            continue
        told += [f"{path}.{name} is {here['tensors'].get(name, 'missing')} here, {there['tensors'].get(name, 'missing')} in the "
                 f"secured model" for name in sorted(here["tensors"].keys() | there["tensors"].keys())
                 if here["tensors"].get(name) != there["tensors"].get(name)]
        told += [f"{path}.{name} is {here['settings'][name]!r} here, {there['settings'][name]!r} in the secured model"
                 for name in sorted(here["settings"].keys() & there["settings"].keys())
                 if here["settings"][name] != there["settings"][name]]
    return told


class Exported(torch.nn.Module):
    """All operators side by side, for one export; nothing of one reaches another."""

    def __init__(self, found: Found):
        super().__init__()
        self.entries: List[Tuple[str, Type[Secured], List[Example]]] = []
        self.bodies = torch.nn.ModuleList()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for path, (module, kind) in found.items():
                self.entries.append((path, kind, kind.examples(module)))
                self.bodies.append(kind.body(module))
        told = {path: describe(module, kind) for path, (module, kind) in found.items()}
        self.register_buffer("manifest", torch.frombuffer(bytearray(json.dumps(told, sort_keys=True).encode()), dtype=torch.uint8))
        self.names = [f"{path}:{name}" for path, _, examples in self.entries for name, _, _ in examples]
        self.output_names = [f"{path}:{name}" for path, kind, _ in self.entries for name, _ in kind.outputs] + [f"{MANIFEST}:json"]
        self.axes: Dict[str, Dict[int, str]] = {}
        for path, kind, examples in self.entries:
            for name, sides in [(name, sides) for name, _, sides in examples] + list(kind.outputs):
                self.axes[f"{path}:{name}"] = {side: f"s{len(self.axes)}_{side}" for side in sides}

    @property
    def module(self) -> torch.nn.Module:
        return self

    def tensors(self) -> List[torch.Tensor]:
        return [tensor for _, _, examples in self.entries for _, tensor, _ in examples]

    def forward(self, *tensors: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        out: List[torch.Tensor] = []
        place = 0
        for (_, _, examples), body in zip(self.entries, self.bodies):
            answer = body(*tensors[place:place + len(examples)])
            place += len(examples)
            out.extend(answer if isinstance(answer, tuple) else (answer,))
        return (*out, self.manifest.clone())


def prepare(found: Found, file: pathlib.Path) -> Tuple["_core.Engine", float]:
    """Writes the graph to `file`, and has the engine answer each operator's examples as PyTorch does. Returns the engine and the
    largest difference. Raises Unsupported, naming the module."""
    exported = Exported(found).eval()
    export.export(exported, exported.tensors(), file, exported.axes)
    try:
        engine = _core.Engine(str(file), True)
    except Malformed as error:
        raise Unsupported(f"the engine cannot run these operators: {str(error).replace(f'{file}: ', '')}") from None
    places = {name: (i, [port for port, _, _ in inputs], [port for port, _, _ in outputs])
              for i, (name, inputs, outputs) in enumerate(engine.operators)}
    largest = 0.0
    for (path, kind, examples), body in zip(exported.entries, exported.bodies):
        index, inputs, outputs = places[path]
        for tensors in ([tensor for _, tensor, _ in examples], kind.grown(examples)):
            with torch.no_grad():
                answer = body(*tensors)
            wanted = dict(zip((name for name, _ in kind.outputs), answer if isinstance(answer, tuple) else (answer,)))
            given = dict(zip((name for name, _, _ in examples), tensors))
            try:
                answers = engine.run_operator(index, [to_array(name, given[name]) for name in inputs])
            except (Malformed, InvalidArgument) as error:
                raise Unsupported(f"the engine cannot run {path} ({kind.kind.__name__}): {error}", module=path) from None
            largest = max(largest, *(agreement.difference(f"{path}:{name}", found_array, wanted[name].detach().numpy())
                                     for name, found_array in zip(outputs, answers)))
    return engine, largest
