"""From PyTorch to ONNX. What differs between PyTorch's versions stands in this file alone."""
import contextlib
import copy
import gc
import inspect
import pathlib
import re
import traceback
import warnings
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import torch

from .adapter import Flat
from .errors import InvalidArgument, Unsupported

OPSET = 17  # the highest that PyTorch 1.13 writes; the engine runs 1 to 23
Axes = Dict[str, Dict[int, str]]
# PyTorch 2.x has a second exporter, which later versions take unless told otherwise. It needs packages that Debian does not have;
# an .onnx file that it wrote can be protected like any other.
_BY_TRACE = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
_UNSUPPORTED = re.compile(r"operator '?((?:aten|prim|torchvision|onnx)::\w+)'?|Couldn't export operator (\S+)")
_BRANCH = re.compile(r"(\S+\.py:\d+): TracerWarning: Converting a tensor to a Python (\w+)")


def load_file(source: pathlib.Path) -> Union[torch.nn.Module, Dict[str, Any]]:
    """What is in a .pt file: TorchScript, a whole pickled module, or a state dict. Raises Unsupported for anything else."""
    try:
        return torch.jit.load(str(source), map_location="cpu")
    except RuntimeError:
        pass  # no TorchScript; it may be a pickled module
    except ValueError as error:
        raise Unsupported(f"{source} cannot be read: {error}") from None
    try:
        loaded = torch.load(str(source), map_location="cpu", weights_only=False)  # 2.6 loads no modules otherwise
    except Exception as error:  # pickle may fail in any way
        raise Unsupported(f"{source} is neither TorchScript nor a pickled module: {_first_line(error)}",
                          hint="save it with torch.jit.save(torch.jit.trace(model, example), path)") from None
    if isinstance(loaded, (torch.nn.Module, dict)):
        return loaded
    raise Unsupported(f"{source} holds a {type(loaded).__name__}, neither a module nor a state dict",
                      hint="save the module's state_dict(), or torch.jit.save(torch.jit.trace(model, example), path)")


def fill(module: torch.nn.Module, state: Dict[str, Any]) -> torch.nn.Module:
    """A copy of `module` with the parameters of a state dict. Raises InvalidArgument if they are another module's."""
    filled = copy.deepcopy(module)
    try:
        filled.load_state_dict(state)
    except Exception as error:  # of other names or shapes, or no state dict at all
        reasons = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InvalidArgument(f"this state dict is not of a {type(module).__name__}: {' '.join(reasons[1:3] or reasons)[:300]}; "
                              "give into= the module that it was taken from") from None
    return filled


def export(flat: Flat, tensors: Sequence[torch.Tensor], path: pathlib.Path, axes: Axes) -> List[str]:
    """Writes `path`; returns where the trace took a Python branch on a tensor ("model.py:12"), which may be wrong for other
    inputs. Raises Unsupported, naming the operator and the module."""
    refusal = None
    with warnings.catch_warnings(record=True) as told, torch.enable_grad(), _open_attention():
        # With gradients: without them, transformer layers take a fused path that no exporter knows.
        warnings.simplefilter("always")
        try:
            torch.onnx.export(*_target(flat, tensors), str(path), opset_version=OPSET, input_names=flat.names,
                              output_names=flat.output_names, dynamic_axes=axes, do_constant_folding=True,
                              **_BY_TRACE)
        except KeyboardInterrupt:
            raise
        except Exception as error:  # the exporter's own, of many kinds
            refusal = _refusal(flat, tensors, error)
            traceback.clear_frames(error.__traceback__)
    if refusal is not None:
        # Not chained: the exporter's frames hold wrappers of a graph that is gone, and whoever exports next in this process
        # would be handed one of them ("Unable to cast from non-held to held instance").
        gc.collect()
        raise refusal
    found = [_BRANCH.search(warnings.formatwarning(w.message, w.category, w.filename, w.lineno)) for w in told]
    return [f"{match[1]} (to a Python {match[2]})" for match in found if match]


@contextlib.contextmanager
def _open_attention() -> Iterator[None]:
    """PyTorch 2.x takes queries, keys and values of self-attention out of one product by an unflatten(), behind which its exporter
    forgets that a length is open and writes the example's. Three parts of the product are the same, and stay open."""
    held = torch.nn.functional._in_projection_packed

    def project(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, w: torch.Tensor, b: Optional[torch.Tensor] = None) -> Any:
        if k is v and q is k:
            return [part.contiguous() for part in torch.nn.functional.linear(q, w, b).chunk(3, dim=-1)]
        return held(q, k, v, w, b)

    torch.nn.functional._in_projection_packed = project
    try:
        yield
    finally:
        torch.nn.functional._in_projection_packed = held


def _target(flat: Flat, tensors: Sequence[torch.Tensor]) -> tuple:
    """What is exported, and its arguments. A ScriptModule cannot be called in a trace; it goes by itself, with its branches."""
    if not isinstance(flat.module, torch.jit.ScriptModule):
        return flat, tuple(tensors)
    positional, keywords = flat.nested(tensors)
    return flat.module, (*positional, *keywords.values())


def _refusal(flat: Flat, tensors: Sequence[torch.Tensor], error: Exception) -> Unsupported:
    if "onnx is not installed" in str(error):  # PyTorch 2.x exports with its help
        return Unsupported(f"PyTorch {torch.__version__} cannot export without the package onnx",
                           hint="apt install python3-onnx, or pip install onnx")
    named = _UNSUPPORTED.search(str(error))
    if not named:
        return Unsupported(f"PyTorch cannot export this module: {_first_line(error)}",
                           hint="forward() must be a fixed sequence of tensor operations; torch.jit.trace(model, example) "
                                "shows where it is not")
    operator = named[1] or named[2]
    return Unsupported(f"PyTorch {torch.__version__} does not export this module", operator=operator,
                       module=find_module(flat, tensors, operator),
                       hint="write that module with operators that ONNX has, or take the step out of the model")


def find_module(flat: Flat, tensors: Sequence[torch.Tensor], operator: str) -> Optional[str]:
    """The path of the first module that calls `operator`, if running it once tells."""
    wanted = operator.split("::")[-1].strip("_")
    paths = {module: path for path, module in flat.module.named_modules()}
    stack: List[str] = [""]
    found: List[str] = []

    class Look(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), keywords=None):
            if getattr(function, "__name__", "").strip("_") == wanted:
                found.append(stack[-1])
            return function(*arguments, **(keywords or {}))

    def enter(module, _inputs):
        stack.append(paths.get(module, stack[-1]))

    def leave(_module, _inputs, _output):
        stack.pop()

    hooks = [torch.nn.modules.module.register_module_forward_pre_hook(enter),
             torch.nn.modules.module.register_module_forward_hook(leave)]
    try:
        with torch.no_grad(), Look():
            flat(*tensors)
    except Exception:  # what the module itself fails with was told before
        return None
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] or None if found else None


def module_of_node(node: str) -> Optional[str]:
    """The module's path in a node's name: "/module/layer1/layer1.0/conv1/Conv" is "layer1.0.conv1"."""
    path, last = "", ""
    for part in node.strip("/").split("/")[:-1]:
        if path == "" and part == "module":
            continue
        if last and part.startswith(last + "."):
            path = path[:len(path) - len(last)] + part
        else:
            path = f"{path}.{part}" if path else part
        last = part
    return path or None


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def grow(tensors: Sequence[torch.Tensor], axes_of: Sequence[Dict[int, str]], symbol: str) -> Tuple[torch.Tensor, ...]:
    """The examples with every axis of that name twice as long."""
    grown = []
    for tensor, axes in zip(tensors, axes_of):
        for axis, name in axes.items():
            if name == symbol:
                tensor = torch.cat([tensor, tensor], dim=axis)
        grown.append(tensor)
    return tuple(grown)
