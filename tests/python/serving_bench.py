#!/usr/bin/python3
"""What protection costs whoever serves and whoever protects: JSON on standard output.

usage: serving_bench.py [--runs 10] [--rounds 9] [--megabytes 1000] [--only serving|protecting]

Serving: `load(...)(x)` over its attested session against the bare engine (`torchkeep bench`) on the same file, turn by turn; a
round's time is the median of its runs, and what counts is the median over the rounds of how the two compare in each: between
rounds a rented machine's speed changes by more than the difference.
Protecting: `protect` without a key server against `torch.onnx.export` alone, each in a process of its own, with peak memory.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import torch

import torchkeep
from torchkeep.places import program

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "examples"), str(ROOT / "demo")]
from resnet_save import build  # noqa: E402

warnings.simplefilter("ignore")
WIDTH = 4096  # of the wide model's layers: 64 MiB each


def bert():
    from bench_models import MAKERS
    entry = MAKERS["bert-base"]()
    return entry.model.eval(), tuple(entry.cases[0])


def resnet():
    return build("resnet50").eval(), (torch.randn(1, 3, 224, 224),)


class Wide(torch.nn.Module):
    """So many megabytes of linear layers."""

    def __init__(self, megabytes):
        super().__init__()
        count = max(1, megabytes * 1_000_000 // (4 * WIDTH * WIDTH))
        self.layers = torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH) for _ in range(count))

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


def median_ms(call, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def bare_ms(onnx, runs, threads):
    """The engine's own median, in its own process."""
    done = subprocess.run([str(program("torchkeep")), "bench", str(onnx), "--threads", str(threads), "--runs", str(runs), "--json"],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["median_ms"]


def serving(name, make, runs, rounds, folder, site):
    model, inputs = make()
    onnx = folder / f"{name}.onnx"
    made = torchkeep.protect(model, inputs, folder / f"{name}.tkm", id=name, keyserver=site, dynamic_axes={}, quiet=True)
    with torch.enable_grad():
        torch.onnx.export(model, inputs, str(onnx), opset_version=17)
    served = torchkeep.load(made.path, site=site)
    served(*inputs)
    threads = len(os.sched_getaffinity(0))
    turns = [(median_ms(lambda: served(*inputs), runs), bare_ms(onnx, runs, threads)) for _ in range(rounds)]
    ours, bare = (statistics.median(column) for column in zip(*turns))
    ratios = [one / other for one, other in turns]
    return {"served_ms": round(ours, 3), "bare_ms": round(bare, 3), "ratio": round(statistics.median(ratios), 3),
            "above_ms": round(statistics.median(one - other for one, other in turns), 3),
            "ratios": [round(ratio, 3) for ratio in sorted(ratios)]}


def peak_and_seconds(what, megabytes):
    """In a process of its own: what it took, the model's making left out."""
    done = subprocess.run([sys.executable, "-B", __file__, "--child", what, "--megabytes", str(megabytes)], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def child(what, megabytes):
    torch.manual_seed(1)
    model, x = Wide(megabytes).eval(), torch.randn(1, WIDTH)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        if what == "protect":
            site = torchkeep.local()
            owner = site.owner()
        start = time.perf_counter()
        if what == "export":
            with torch.enable_grad():
                torch.onnx.export(model, (x,), str(folder / "wide.onnx"), opset_version=17, input_names=["x"], output_names=["y"])
        else:
            torchkeep.protect(model, x, folder / "wide.tkm", id="wide", owner=owner, dynamic_axes={}, quiet=True)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps({"seconds": round(seconds, 2), "peak_mb": round(peak)}))
        if what == "protect":
            site.close()


def protecting(megabytes, rounds):
    turns = [(peak_and_seconds("protect", megabytes), peak_and_seconds("export", megabytes)) for _ in range(rounds)]
    ours, theirs = (min(column, key=lambda told: told["seconds"]) for column in zip(*turns))
    return {"megabytes": megabytes, "protect": ours, "export": theirs, "ratio": round(ours["seconds"] / theirs["seconds"], 3),
            "models_above": round((ours["peak_mb"] - theirs["peak_mb"]) / megabytes, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--only", choices=["serving", "protecting"])
    parser.add_argument("--child", choices=["protect", "export"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.megabytes)
        return
    told = {"load_average": round(os.getloadavg()[0], 2), "cores": len(os.sched_getaffinity(0))}
    if arguments.only != "protecting":
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, torchkeep.local() as site:
            for name, make in (("resnet50", resnet), ("bert-base", bert)):
                told[name] = serving(name, make, arguments.runs, arguments.rounds, pathlib.Path(folder), site)
    if arguments.only != "serving":
        told["protecting"] = protecting(arguments.megabytes, min(arguments.rounds, 3))
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
