"""A module as the exporter wants it: a flat list of tensors in, a flat tuple out."""
import inspect
from typing import Any, Dict, List, Sequence, Tuple

import torch

from . import nesting
from .errors import InvalidArgument

_HELD = {torch.float32, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool}


def is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def parameters_of(module: Any) -> List[str]:
    """Names of what `forward` takes, without `self`; "*args" for a variable number."""
    if isinstance(module, torch.jit.ScriptModule):
        return [argument.name for argument in module.forward.schema.arguments[1:]]
    found = inspect.signature(module.forward).parameters.values()
    return [("*" if p.kind is p.VAR_POSITIONAL else "") + p.name for p in found if p.kind is not p.VAR_KEYWORD]


def bind(module: Any, examples: Any) -> List[Tuple[str, torch.Tensor]]:
    """The example tensors with their names: a tensor, a tuple of positional arguments, or a dict of keyword arguments."""
    if not isinstance(examples, (tuple, dict)):
        examples = (examples,)
    if not examples:
        raise InvalidArgument("example_inputs is empty; give a tensor, a tuple of arguments, or a dict of keyword arguments")
    names = parameters_of(module)
    if isinstance(examples, dict):
        unknown = [name for name in examples if name not in names]
        if unknown:
            raise InvalidArgument(f"forward() has no parameter {unknown[0]!r}; it takes {', '.join(names)}")
        pairs = [(name, examples[name]) for name in names if name in examples]
    elif names and names[-1].startswith("*"):
        pairs = list(zip(names[:-1], examples))
        rest = tuple(examples[len(names) - 1:])
        pairs += [(names[-1][1:], rest)] if rest else []
    elif len(examples) > len(names):
        raise InvalidArgument(f"{len(examples)} examples, but forward() takes {len(names)}: {', '.join(names)}; give a list "
                              f"or a tuple of tensors for one parameter as (that,)")
    else:
        pairs = list(zip(names, examples))
    given = [(name, value) for name, value in pairs if value is not None]
    flat = [leaf for name, value in given for leaf in nesting.flatten(value, name, is_tensor)]
    for name, tensor in flat:
        check(name, tensor)
    return flat


def check(name: str, tensor: torch.Tensor) -> None:
    """Raises InvalidArgument, with what to do, for tensors that cannot be sent."""
    if tensor.layout is not torch.strided:
        raise InvalidArgument(f"{name} is sparse; give {name}.to_dense()")
    if tensor.is_quantized:
        raise InvalidArgument(f"{name} is quantized; give {name}.dequantize()")
    if tensor.device.type != "cpu":
        raise InvalidArgument(f"{name} is on device {tensor.device}; give {name}.cpu()")
    if tensor.dtype not in _HELD:
        raise InvalidArgument(f"{name} is of {tensor.dtype}; convert it, for example with {name}.float()")


def to_array(name: str, tensor: torch.Tensor) -> Any:
    check(name, tensor)
    return tensor.detach().resolve_conj().resolve_neg().numpy()


class Flat(torch.nn.Module):
    """Calls `module` with nested arguments made from a flat list, and flattens what it returns."""

    def __init__(self, module: torch.nn.Module, names: Sequence[str]):
        super().__init__()
        self.module = module
        self.names = list(names)
        roots = nesting.roots_of(self.names)
        self.output_root = "output" if "output" not in roots else "result"
        self.output_names: List[str] = []
        variable = [name[1:] for name in parameters_of(module) if name.startswith("*")]
        self.variable = variable[0] if variable and variable[0] in roots else None

    def nested(self, tensors: Sequence[torch.Tensor]) -> Tuple[tuple, Dict[str, Any]]:
        """Positional and keyword arguments of the module's own forward()."""
        groups: Dict[str, list] = {}
        for name, tensor in zip(self.names, tensors):
            groups.setdefault(nesting.root_of(name), []).append((name, tensor))
        values = {root: nesting.rebuild(pairs) for root, pairs in groups.items()}
        if self.variable is None:
            return (), values
        last = values.pop(self.variable)
        return (*values.values(), *last), {}

    def forward(self, *tensors: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        positional, keywords = self.nested(tensors)
        flat = nesting.flatten(self.module(*positional, **keywords), self.output_root, is_tensor)
        self.output_names = [name for name, _ in flat]
        # A tensor that is returned twice, or as it came in, still makes an output of its own.
        seen = {id(tensor) for tensor in tensors}
        out = []
        for _, tensor in flat:
            out.append(tensor.clone() if id(tensor) in seen else tensor)
            seen.add(id(tensor))
        return tuple(out)
