"""A model with numbers of fewer bits, before it is protected."""
import dataclasses
import os
import pathlib
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

import numpy

from . import _core
from .errors import InvalidArgument
from .places import PathLike
from .protecting import _Bar, _say

__all__ = ["quantize", "Quantised"]

_WAYS = {"int8": ("weights", 8), "int4": ("weights", 4), "dynamic": ("dynamic", 8), "static": ("static", 8)}
_NUMPY = {"FP32": "float32", "FP64": "float64", "FP16": "float16", "BOOL": "bool"}
Sample = Union[Any, Sequence[Any], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Quantised:
    """What `quantize` made."""
    path: pathlib.Path  #: A standard ONNX model.
    bytes_before: int
    bytes_after: int  #: Both with external data.
    quantised: Dict[str, int]  #: Operators, counted.
    left: List[Tuple[str, str, str]]  #: What stays as it is: node, operator and the reason.
    differences: Dict[str, Tuple[float, float]]  #: Of each output the largest, and that in units of the output's largest number.


def quantize(path_in: PathLike, path_out: PathLike, way: str = "int8", *, calibrate: Sequence[Sample] = (), block: int = 32,
             percentile: float = 100.0, portable: bool = False, replace: bool = False, quiet: bool = False) -> Quantised:
    """Makes an .onnx model smaller and faster with numbers of fewer bits, and says how far its answers are.

    `way` is "int8" or "int4" (weights alone: for language models; `block` weights of four bits share a scale), "dynamic"
    (activations too, as each run finds them), or "static" (activations too, by ranges that samples show: the fastest, and the
    only one that takes convolutions). docs/quantize.md says which to take.

    `calibrate` are samples of what the model will be asked, some tens of them: each an array or tensor, a tuple or list of
    them in the order of the inputs, or a dict by the inputs' names. "static" needs some; each way compares both models on
    them, or on one sample of seeded numbers. `percentile` is how much of an activation its range holds. `portable`, with
    "static", quantises also between convolutions and sums, which is slower here and faster in ONNX Runtime. `replace`
    overwrites `path_out`, which after an error is as it was, or not there.

    Raises InvalidArgument, with the way out, for a model that is quantised already or has no layer to quantise, and for
    samples that do not fit; Malformed if a weight or an activation is NaN or infinite, or the engine cannot run the model.
    """
    if way not in _WAYS:
        raise InvalidArgument(f"way={way!r}: wanted is one of {', '.join(map(repr, _WAYS))}")
    samples = list(calibrate) if not isinstance(calibrate, Mapping) else [calibrate]
    if way == "static" and not samples:
        raise InvalidArgument('way="static" needs samples of what the model will be asked: calibrate=[...]')
    ports = _core.Engine(os.fspath(path_in)).inputs
    arrays = [_arrays(sample, ports, i + 1) for i, sample in enumerate(samples)] or [_made_up(ports)]
    kind, bits = _WAYS[way]
    with _Bar(f"quantising {pathlib.Path(path_in).name}", quiet) as bar:
        made = _core.quantise(os.fspath(path_in), os.fspath(path_out), kind, bits, block, percentile, portable, replace, arrays,
                              bar.show)
    counted = ", ".join(f"{count} {name}" for name, count in made["quantised"].items())
    furthest = max((relative for _, relative in made["differences"].values()), default=0.0)
    _say(quiet, f"Quantised {counted}: {made['bytes_before'] / 1e6:.1f} MB, now {made['bytes_after'] / 1e6:.1f} MB; answers "
                f"differ by at most {100 * furthest:.2g} % of their largest number" + ("" if samples else ", on made up numbers"))
    return Quantised(path=pathlib.Path(path_out), bytes_before=made["bytes_before"], bytes_after=made["bytes_after"],
                     quantised=made["quantised"], left=made["left"], differences=made["differences"])


def _arrays(sample: Sample, ports: "Sequence[_core.Port]", number: int) -> List[numpy.ndarray]:
    """A sample's arrays in the order of the inputs."""
    names = [name for name, _, _ in ports]
    if isinstance(sample, Mapping):
        if set(sample) != set(names):
            raise InvalidArgument(f"sample {number} has {sorted(sample)}, the model's inputs are {names}")
        sample = [sample[name] for name in names]
    elif not isinstance(sample, (list, tuple)):
        sample = [sample]
    if len(sample) != len(names):
        raise InvalidArgument(f"sample {number} has {len(sample)} tensors, the model has {len(names)} inputs: {names}")
    return [each.detach().cpu().numpy() if hasattr(each, "detach") else numpy.asarray(each) for each in sample]


def _made_up(ports: "Sequence[_core.Port]") -> List[numpy.ndarray]:
    """Seeded ordinary numbers; sides that are open are 1."""
    random = numpy.random.default_rng(1)
    arrays = []
    for _, datatype, shape in ports:
        size = [1 if side == -1 else side for side in shape]
        dtype = numpy.dtype(_NUMPY.get(datatype, datatype.lower()))
        numbers = random.standard_normal(size) if dtype.kind == "f" else random.integers(0, 2, size)
        arrays.append(numbers.astype(dtype))
    return arrays
