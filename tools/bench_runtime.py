#!/usr/bin/python3
"""Compares the engine's speed with ONNX Runtime's on models exported by PyTorch: fp32, and quantised by
`torchkeep quantize`, turn by turn on the same machine.

usage: bench_runtime.py [--program build/release/bin/torchkeep] [--only PATTERN] [--threads 1 2] [--batch N]
                        [--repetitions 5] [--seconds 1] [--json FILE]

In each repetition both run the model for about --seconds, one after the other; a repetition's time is its fastest run, since
whatever else the machine does only adds to it. The ratio is of the fastest of all repetitions, the spread that of the
repetitions' own ratios. Below 1 the engine is faster. The floor is the model's convolutions and matrix products at the rate
at which oneDNN multiplies matrices in the same repetitions. ONNX Runtime comes from npm's onnxruntime-node and, like the
exports, stays in --cache.
"""
import argparse
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys

import numpy

TOOLS = pathlib.Path(__file__).resolve().parent
VERSION = "1.30"
NAMES = ["resnet50", "bert-base", "vit_b_16", "mobilenet_v3_large", "efficientnet_b0", "gpt2-prompt", "gpt2-step", "u-net", "lstm",
         "resnet50-int8", "resnet50-int8-portable", "bert-base-int8"]
# What the ratio should be at most, or the time this many times the floor.
TARGETS = {"resnet50": 0.92, "bert-base": 0.80, "resnet50-int8": 1.0, "resnet50-int8-portable": 1.0, "bert-base-int8": 1.0}
# What the engine's time for the quantised model should be at most of that for the other.
QUANTISED = {"resnet50": 0.35, "bert-base": 0.45}
OTHERS, MEAN, FLOOR = 1.1, 0.92, 1.15
HEAD = ["| model | threads | ours, ms | ONNX Runtime, ms | ratio | spread | floor, ms | ours / floor | target |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- |"]


def install(cache):
    package = cache / "onnxruntime" / "node_modules" / "onnxruntime-node"
    if not (package / "package.json").exists():
        package.parent.parent.mkdir(parents=True, exist_ok=True)
        (package.parent.parent / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--ignore-scripts", "--silent", f"onnxruntime-node@{VERSION}"],
                       cwd=package.parent.parent, check=True, stdout=subprocess.DEVNULL)
    return package


def prepare_inputs(folder, batch):
    """The inputs as files for both: .npy, and raw with a description."""
    ours, theirs = [], []
    for path in sorted(folder.glob("*.npy")):
        if "@" in path.stem:
            continue
        tensor = numpy.load(path)
        if batch != 1:
            tensor = numpy.repeat(tensor, batch, axis=0)
            path = folder / f"{path.stem}@{batch}.npy"
            numpy.save(path, tensor)
        name = path.stem.split("@")[0]
        raw = path.with_suffix(".raw")
        tensor.tofile(raw)
        ours += ["-i", f"{name}={path}"]
        theirs.append({"name": name, "type": str(tensor.dtype), "shape": tensor.shape, "file": str(raw)})
    return ours, theirs


class OnnxRuntime:
    def __init__(self, package, model, threads, inputs):
        command = ["node", TOOLS / "bench_onnxruntime.mjs", package, model, str(threads), json.dumps(inputs)]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.start = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("ONNX Runtime ended: see above")
        return json.loads(line)

    def run(self, runs):
        print(runs, file=self.process.stdin, flush=True)
        return min(self.answer()["times"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run_ours(program, model, threads, inputs, runs):
    command = [program, "bench", model, "--threads", str(threads), "--runs", str(runs), "--json", *inputs]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=False)
    told = json.loads(done.stdout)
    if "error" in told:
        sys.exit(told["message"])
    return told


def compare(options, package, name, threads):
    model = options.cache / "models" / f"{name}.onnx"
    ours, theirs = prepare_inputs(options.cache / "models" / name, options.batch)
    peer = OnnxRuntime(package, model, threads, theirs)
    pairs, told = [], None
    best_rate = 0
    for _ in range(options.repetitions):
        runs = max(3, min(200, int(1000 * options.seconds / (pairs[-1][1] if pairs else peer.start["first_ms"]))))
        told = run_ours(options.program, model, threads, ours, runs)
        best_rate = max(best_rate, told["matrix_flops_per_second"])
        pairs.append((told["fastest_ms"], peer.run(runs)))
    peer.close()
    mine, other = (min(pair[i] for pair in pairs) for i in (0, 1))
    ratios = [pair[0] / pair[1] for pair in pairs]
    return {"model": name, "threads": threads, "batch": options.batch, "ours_ms": mine, "onnxruntime_ms": other, "ratio": mine / other,
            "ratio_low": min(ratios), "ratio_high": max(ratios), "ratio_median": statistics.median(ratios),
            "floor_ms": 1000 * told["flops"] / best_rate, "matrix_flops_per_second": best_rate,
            "first_request_ms": told["first_request_ms"], "load_ms": told["load_ms"],
            "onnxruntime_first_ms": peer.start["first_ms"], "onnxruntime_load_ms": peer.start["load_ms"]}


def is_met(row):
    at_floor = "-int8" not in row["model"] and row["ours_ms"] <= FLOOR * row["floor_ms"]  # the floor is that of floats
    return row["ratio"] <= TARGETS.get(row["model"], OTHERS) or at_floor


def row_text(row):
    target = TARGETS.get(row["model"], OTHERS)
    return (f"| {row['model']} | {row['threads']} | {row['ours_ms']:.2f} | {row['onnxruntime_ms']:.2f} | {row['ratio']:.2f} "
            f"| {row['ratio_low']:.2f} to {row['ratio_high']:.2f} | {row['floor_ms']:.2f} | {row['ours_ms'] / max(row['floor_ms'], 1e-9):.2f} "
            f"| {target:.2f}: {'met' if is_met(row) else 'missed'} |")


def summary(rows, threads):
    """Lines on the whole: the mean of each thread count, what a second thread brings, and what fewer bits bring."""
    lines = []
    for count in threads:
        ratios = [row["ratio"] for row in rows if row["threads"] == count and "-int8" not in row["model"]]
        if not ratios:
            continue
        mean = math.exp(statistics.mean(map(math.log, ratios)))
        lines.append(f"{count} thread{'s' if count > 1 else ''}: geometric mean of the ratios {mean:.2f} (target {MEAN})")
    times = {(row["model"], row["threads"]): row for row in rows}
    for name in ("resnet50", "bert-base"):
        if (name, 1) in times and (name, 2) in times:
            gain = times[name, 1]["ours_ms"] / times[name, 2]["ours_ms"]
            peer = times[name, 1]["onnxruntime_ms"] / times[name, 2]["onnxruntime_ms"]
            lines.append(f"{name}: a second thread makes it {gain:.2f} times as fast (target 1.7), ONNX Runtime {peer:.2f}")
    for (name, count), row in times.items():
        whole = times.get((name.split("-int8")[0], count))
        if "-int8" in name and whole:
            lines.append(f"{name}, {count} thread{'s' if count > 1 else ''}: {row['ours_ms'] / whole['ours_ms']:.2f} of the time of "
                         f"{whole['model']} (target {QUANTISED[whole['model']]})")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/torchkeep")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("build/bench"))
    parser.add_argument("--only", default="", metavar="PATTERN")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    names = [name for name in NAMES if re.search(options.only, name)]
    if not names:
        sys.exit(f"--only {options.only}: no model is called so; there are {', '.join(NAMES)}")
    package = install(options.cache)
    subprocess.run(["/usr/bin/python3", TOOLS / "bench_models.py", options.cache / "models", *names], check=True,
                   env={**os.environ, "TORCHKEEP": str(options.program)})
    rows = []
    print(*HEAD, sep="\n", flush=True)
    for name in names:
        for threads in options.threads:
            rows.append(compare(options, package, name, threads))
            print(row_text(rows[-1]), flush=True)
    lines = summary(rows, options.threads)
    print("", *lines, sep="\n")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "summary": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
