"""Does the engine answer as PyTorch does? Asked before anything is encrypted."""
from typing import Any, List, Sequence, Tuple

import numpy
import torch

from . import _core
from .adapter import Flat, to_array
from .errors import Unsupported

RELATIVE = 1e-3  # of each number
ABSOLUTE = 1e-4  # of the largest number of its tensor


def answer(flat: Flat, tensors: Sequence[torch.Tensor]) -> Tuple[torch.Tensor, ...]:
    """Copies: a module may write its next answer into the same memory."""
    with torch.no_grad():
        return tuple(tensor.clone() for tensor in flat(*tensors))


def compare(engine: "_core.Engine", flat: Flat, tensors: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]) -> float:
    """The largest difference of any output on these inputs from what PyTorch answered. Raises Unsupported, naming the output
    that differs."""
    order = [flat.names.index(name) for name, _, _ in engine.inputs]
    found = engine.run([to_array(flat.names[i], tensors[i]) for i in order])
    names = [name for name, _, _ in engine.outputs]
    by_name = dict(zip(names, found))
    missing = [name for name in flat.output_names if name not in by_name]
    if missing:
        raise Unsupported(f"the exported model has outputs {names}, not {missing[0]}")
    return max(difference(name, by_name[name], tensor.detach().numpy())
               for name, tensor in zip(flat.output_names, wanted))


def difference(name: str, found: Any, wanted: Any) -> float:
    """The largest between two arrays. Raises Unsupported, naming them, if it is more than rounding."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        raise Unsupported(f"{name}: the engine answers {found.dtype} {list(found.shape)}, PyTorch {wanted.dtype} "
                          f"{list(wanted.shape)} on inputs of these shapes")
    if wanted.size == 0:
        return 0.0
    if wanted.dtype.kind != "f":
        differing = int((found != wanted).sum())
        if differing:
            raise Unsupported(f"{name}: {differing} of {wanted.size} elements differ from PyTorch's")
        return 0.0
    gap = numpy.abs(found.astype("f8") - wanted.astype("f8"))
    finite = gap[numpy.isfinite(gap)]
    largest = float(finite.max()) if finite.size else 0.0
    known = numpy.abs(wanted[numpy.isfinite(wanted)])
    scale = float(known.max()) if known.size else 1.0
    if not numpy.allclose(found, wanted, rtol=RELATIVE, atol=ABSOLUTE * (scale or 1.0), equal_nan=True):
        raise Unsupported(f"{name}: the engine's answer differs from PyTorch's by up to {largest:.3g} (largest number "
                          f"{scale:.3g})", hint="is the module in eval() mode, and its answer free of chance?")
    return largest


def probes(tensors: Sequence[torch.Tensor]) -> List[Tuple[torch.Tensor, ...]]:
    """Other inputs of the same shapes: what a traced branch might do otherwise."""
    def turned(tensor: torch.Tensor) -> torch.Tensor:
        return -tensor if tensor.is_floating_point() else tensor.flip(0) if tensor.dim() else tensor

    def stilled(tensor: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(tensor) if tensor.is_floating_point() else tensor

    return [tuple(map(turned, tensors)), tuple(map(stilled, tensors))]
