#!/usr/bin/python3
"""Exports models with PyTorch, runs them through `torchkeep run` and compares the answers with PyTorch's.

usage: zoo.py [--program build/release/bin/torchkeep] [--only PATTERN] [--seconds 900] [--output docs/zoo.md]

PATTERN is a regular expression for "family/name", for example "plain/" or "resnet". With --only, the rows of other models
that the page has are kept. Exports go to a temporary folder. Ends with 1 if an answer differs.
"""
import argparse
import json
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tempfile
import traceback
import warnings

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import zoo_plain  # noqa: E402
import zoo_torchvision  # noqa: E402
from zoo_compare import compare, count_boxes  # noqa: E402
from zoo_witness import Verdict, testimony  # noqa: E402

OPSET = 17
SEED = 20
NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
HEAD = ["| model | nodes | parameters | input shapes | what came of it |", "| --- | ---: | ---: | --- | --- |"]


def flatten(value):
    """All tensors in what a model returned, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else value
    return [tensor for each in values for tensor in flatten(each)]


class Flat(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return tuple(flatten(self.model(*inputs)))


def calibrate(entry):
    """Gives batch norms the statistics that seeded weights make, as training would have: with those of a new model, numbers
    grow or vanish from layer to layer. A head that starts as zeros, which would answer zeros whatever came before, is seeded."""
    model, case = entry.model.eval(), entry.calibration or entry.cases[0]
    with torch.no_grad():
        for layer in (each for each in model.modules() if isinstance(each, torch.nn.Linear) and not each.weight.any()):
            layer.weight.normal_(std=0.02)
        norms = [module for module in model.modules() if isinstance(module, NORMS)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        if norms:
            model(*case)
    model.eval()
    if entry.prepare:
        entry.prepare(case)


def export(model, entry, outputs, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter talks about shapes that are constant on purpose
        torch.onnx.export(model, entry.cases[0], str(path), opset_version=OPSET, input_names=entry.inputs,
                          output_names=outputs, dynamic_axes=entry.axes | open_outputs(entry, outputs))


def open_outputs(entry, outputs):
    return {name: {0: "batch"} for name in outputs} if any(0 in axes for axes in entry.axes.values()) else {}


def run(program, path, names, case, folder):
    """The engine's answers, or the words of its refusal."""
    command = [program, "run", path, "-o", folder / "answer", "--json"]
    for name, tensor in zip(names, case):
        numpy.save(folder / f"{name}.npy", tensor.numpy())
        command += ["-i", f"{name}={folder / name}.npy"]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode < 0:
        return None, f"CRASHED with signal {-done.returncode}"
    told = json.loads(done.stdout)
    if "error" in told:
        return None, told["message"].replace(str(path), path.name)
    return [numpy.load(output["file"]) for output in told["outputs"]], ""


def refusal(words):
    """"NonMaxSuppression: not supported", of the engine's longer sentence."""
    named = re.search(r"operator (\S+) \([^)]*\): (.*)", words)
    return f"refused: {named[1]}: {named[2]}" if named else f"refused: {words}"


def examine(program, modules, family, maker, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    entry = maker()
    shapes = ", ".join(" ".join(str(list(tensor.shape)) for tensor in case[:2]) for case in entry.cases)
    calibrate(entry)
    model = Flat(entry.model).eval()
    row = {"parameters": sum(parameter.numel() for parameter in model.parameters()), "shapes": shapes, "nodes": 0}
    with tempfile.TemporaryDirectory(prefix="zoo-") as name:
        folder = pathlib.Path(name)
        path = folder / "model.onnx"
        answers = [[tensor.detach().numpy() for tensor in model(*case)] for case in entry.cases]
        if family == "detection" and not all(map(count_boxes, answers)):
            return row | {"verdict": "NO BOXES of PyTorch's to compare with", "bad": True}
        try:
            export(model, entry, [f"output_{i}" for i in range(len(answers[0]))], path)
        except Exception as error:  # the exporter's own, of any kind
            return row | {"verdict": f"PyTorch {torch.__version__} does not export it: {str(error).strip().splitlines()[0][:160]}"}
        row["nodes"] = count_nodes(path)
        worst, notes = 0.0, ""
        for case, wanted in zip(entry.cases, answers):
            found, words = run(program, path, entry.inputs, case, folder)
            if found is None:
                return row | {"verdict": words if words.startswith("CRASHED") else refusal(words), "bad": words.startswith("CRASHED")}
            largest, good = compare(family, found, wanted)
            if not good:
                words, bad = testimony(modules, family, path, entry, model, case, folder, found, wanted)
                where = [list(tensor.shape) for tensor in case]
                if bad is not Verdict.ROUNDING:
                    return row | {"verdict": f"{bad.value} by {largest:.1e} on {where}; {words}", "bad": bad is Verdict.DIFFERS}
                notes = f", on {where}: {words}"
            worst = max(worst, largest)
        boxes = f", {sum(map(count_boxes, answers))} boxes" if family == "detection" else ""
        return row | {"verdict": f"the same within {worst:.1e}{boxes}{notes}"}


def count_nodes(path):
    import onnx
    return len(onnx.load(path, load_external_data=False).graph.node)


def examine_apart(seconds, *arguments):
    """A model that brings down its process, or takes too long, is only that model's row."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def work():
        try:
            theirs.send(examine(*arguments))
        except Exception:  # goes into the table
            theirs.send({"verdict": "zoo.py itself failed: " + traceback.format_exc().strip().splitlines()[-1], "bad": True})

    process = context.Process(target=work)
    process.start()
    theirs.close()
    row = {"verdict": f"not done in {seconds} seconds", "bad": True}
    try:
        if ours.poll(seconds):
            row = ours.recv()
    except EOFError:
        row = {"verdict": "PyTorch brought down its process", "bad": True}
    process.terminate()
    process.join()
    return row


def row_text(name, row):
    millions = f"{row['parameters'] / 1e6:.1f} M" if "parameters" in row else ""
    verdict = row["verdict"].replace("|", "\\|").replace("\n", " ")
    return f"| {name} | {row.get('nodes') or ''} | {millions} | {row.get('shapes', '')} | {verdict} |"


def read_rows(path):
    """The page's rows as they are: {family: {name: line}}"""
    rows, family = {}, None
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith("## "):
            family = rows.setdefault(line[3:], {})
        elif line.startswith("| ") and family is not None and line not in HEAD:
            family[line.split("|")[1].strip()] = line
    return rows


def page(rows):
    lines = [line for family in rows.values() for line in family.values()]
    same = sum("the same within" in line for line in lines)
    refused = sum("refused:" in line for line in lines)
    differing = sum(any(word in line for word in ("DIFFERS", "CRASHED", "NO BOXES", "not done in", "failed:", "brought down")) for line in lines)
    graphs = sum("PyTorch differs by" in line for line in lines)
    unexported = sum("does not export it" in line for line in lines)
    waiting = len(lines) - same - refused - differing - graphs - unexported
    text = ["# The zoo", "",
            f"Models exported by PyTorch {torch.__version__} (operator set {OPSET}, seeded weights, batch norms calibrated) and run by",
            "`torchkeep run`, beside PyTorch's own answers of the same run; this page is written by `make zoo`. A difference is in",
            "units of the largest number of its tensor; each number may differ by 1e-3 of itself and 1e-4 of that largest one. Boxes of",
            "detectors may change places if each is found again with its label and an overlap of 0.9; their class scores are spread",
            "out, as training does, so that there are boxes. Where the two differ, the same model in float64 tells whether that is rounding",
            "(the engine is no further from it than twice as far as PyTorch's own float32), and ONNX Runtime is heard as well.", "",
            f"{len(lines)} models: {same} the same, {refused} refused with the operator named, {differing} differ or fail,",
            f"{graphs} whose exported graph says something else, {unexported} not exported by PyTorch, {waiting} not run yet.", ""]
    for family, models in rows.items():
        text += [f"## {family}", "", *HEAD, *models.values(), ""]
    return "\n".join(text).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/torchkeep")
    parser.add_argument("--only", default="", metavar="PATTERN")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("docs/zoo.md"))
    parser.add_argument("--witness", type=pathlib.Path, default=pathlib.Path("build/ort/node_modules"),
                        help="where onnxruntime-node is: npm install --ignore-scripts --prefix build/ort onnxruntime-node@1.30")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=900, help="that a model may take, its export and PyTorch's answers included")
    arguments = parser.parse_args()
    try:
        re.compile(arguments.only)
    except re.error as error:
        parser.error(f"--only {arguments.only}: no regular expression: {error}")
    zoo = {"plain": zoo_plain.MAKERS} | zoo_torchvision.makers()
    kept = read_rows(arguments.output) if arguments.only else {}
    waiting = {"verdict": "not run yet"}
    rows = {family: {name: kept.get(family, {}).get(name) or row_text(name, waiting) for name in makers} for family, makers in zoo.items()}
    bad = False
    for family, makers in zoo.items():
        for name, maker in makers.items():
            if not re.search(arguments.only, f"{family}/{name}"):
                continue
            if name in zoo_torchvision.HUGE and arguments.only != name:
                row = {"verdict": f"not run: of more than 2 GB; --only {name} runs it"}
            else:
                row = examine_apart(arguments.seconds, arguments.program, arguments.witness, family, maker, arguments.threads)
            bad |= row.get("bad", False)
            rows[family][name] = row_text(name, row)
            print(f"{family}/{name}: {row['verdict']}", flush=True)
            arguments.output.write_text(page(rows))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
