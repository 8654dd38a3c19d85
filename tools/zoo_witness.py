"""Who is heard where the engine and PyTorch differ: PyTorch in float64, then ONNX Runtime."""
import enum
import json
import pathlib
import subprocess

import numpy
import torch
from zoo_compare import compare

ROUNDING = 2.0  # times PyTorch's own distance from float64 that the engine may be off


class Verdict(enum.Enum):
    DIFFERS = "DIFFERS"
    GRAPH = "PyTorch differs"  # the exported graph says something else than the module
    ROUNDING = "rounding"


def witness(modules, path, names, case, folder):
    """ONNX Runtime's answers, or None with the reason."""
    asked = []
    for name, tensor in zip(names, case):
        file = folder / f"{name}.raw"
        file.write_bytes(tensor.numpy().tobytes())
        asked.append({"name": name, "type": str(tensor.numpy().dtype), "dims": list(tensor.shape), "file": str(file)})
    (folder / "request.json").write_text(json.dumps(asked))
    script = pathlib.Path(__file__).resolve().parent / "zoo_witness.js"
    try:
        done = subprocess.run(["node", script, modules, path, folder / "request.json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        return None, "no ONNX Runtime: Node.js is not installed"
    if done.returncode != 0:
        return None, "no word of ONNX Runtime: " + done.stderr.strip()[:160]
    return [numpy.fromfile(told["file"], told["type"]).reshape(told["dims"]) for told in json.loads(done.stdout)], ""


def in_float64(model, case):
    """The answers of the module when it reckons in float64. It is float64 from then on."""
    doubled = [tensor.double() if tensor.is_floating_point() else tensor for tensor in case]
    with torch.no_grad():
        return [tensor.detach().numpy() for tensor in model.double()(*doubled)]


def is_rounding(family, model, case, found, wanted):
    """Whether the engine is about as near to float64 as PyTorch's float32 is, in words; None if float64 has no word."""
    try:
        exact = in_float64(model, case)
        near = [each.astype(one.dtype) for each, one in zip(exact, wanted)]
        ours, theirs = compare(family, found, near)[0], compare(family, wanted, near)[0]
    except Exception:  # constants of float32 within the module, most often
        return None, ""
    finally:
        model.float()
    return ours <= ROUNDING * theirs, f"from the same model in float64 the engine is {ours:.1e} away, PyTorch {theirs:.1e}"


def testimony(modules, family, path, entry, model, case, folder, found, wanted):
    """What the witnesses say, and the verdict."""
    rounded, exactly = is_rounding(family, model, case, found, wanted)
    if rounded:
        return exactly, Verdict.ROUNDING
    third, words = witness(modules, path, entry.inputs, case, folder)
    if third is None:
        return "; ".join(filter(None, [exactly, words])), Verdict.DIFFERS
    (ours, same), (theirs, _) = compare(family, found, third), compare(family, third, wanted)
    if same and theirs > 10 * ours:  # nearer than that, it may be rounding: nobody is acquitted
        return f"ONNX Runtime answers as the engine does (within {ours:.1e}): the exported graph says it", Verdict.GRAPH
    words = f"ONNX Runtime differs by {theirs:.1e} from PyTorch and by {ours:.1e} from the engine"
    return "; ".join(filter(None, [exactly, words])), Verdict.DIFFERS
