#!/usr/bin/python3
"""Operator mode against decryption at every call, on ResNet-50: JSON on standard output.

usage: operator_bench.py [--model resnet50] [--runs 5]

Decryption at every call is how the design that we follow did it: an operator's parameters enter as ciphertext with each call,
are decrypted, and the operator is made and run. It is simulated in this process, by the same engine: AES-256-GCM over the very
bytes of each layer's graph and parameters, then loading them, then the run. Both are measured without a transport ("engine"),
since a program that is asked in its own process has none; operator mode also as it is used, over its attested session.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

import numpy
import torch
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import torchkeep
from torchkeep import _core, operators

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "examples"))
from resnet_save import build, milliseconds  # noqa: E402


class Within:
    """Calls operators in this process: loaded once, or decrypted and loaded at each call."""

    def __init__(self, model, folder):
        self.key = AESGCM(AESGCM.generate_key(256))
        self.folder, self.sealed = folder, {}
        found = operators.find(model)
        self.engine, _ = operators.prepare(found, folder / "all.onnx")
        self.places = {name: i for i, (name, _, _) in enumerate(self.engine.operators)}
        self.ports = {name: ([p for p, _, _ in inputs], [p for p, _, _ in outputs]) for name, inputs, outputs in self.engine.operators}
        for path, entry in found.items():
            file = folder / "one.onnx"
            operators.prepare({path: entry}, file)
            nonce = os.urandom(12)
            self.sealed[path] = (nonce, self.key.encrypt(nonce, file.read_bytes(), path.encode()))
        self.each_time = False
        self.model = torchkeep.secure(model)
        for module in self.model.modules():
            if hasattr(module, "_call"):
                object.__setattr__(module, "_call", self.call)

    def call(self, path, inputs, outputs):
        engine, place = self.engine, self.places[path]
        if self.each_time:
            nonce, sealed = self.sealed[path]
            file = self.folder / "opened.onnx"  # in memory: see main
            file.write_bytes(self.key.decrypt(nonce, sealed, path.encode()))
            engine = _core.Engine(str(file), True)
            place = [name for name, _, _ in engine.operators].index(path)
        takes, gives = self.ports[path]
        answers = dict(zip(gives, engine.run_operator(place, [inputs[name].detach().numpy() for name in takes])))
        return {name: torch.from_numpy(answers[name]) for name in outputs}


def median_ms(call, runs):
    call()  # plans and packs
    return milliseconds(call, runs)


def cpu_ms(call, runs):
    """What the processor worked for it, which other load on the machine changes little. With OMP_NUM_THREADS=1."""
    times = []
    for _ in range(runs):
        started = time.process_time()
        call()
        times.append(1000 * (time.process_time() - started))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    model = build(arguments.model)
    image = torch.randn(1, 3, 224, 224)
    told = {"model": arguments.model, "runs": arguments.runs, "load_average": os.getloadavg()[0]}
    with torch.no_grad(), tempfile.TemporaryDirectory(dir="/dev/shm") as folder, torchkeep.local() as site:
        folder = pathlib.Path(folder)
        wanted = model(image)
        told["plain_pytorch_ms"] = median_ms(lambda: model(image), arguments.runs)
        told["plain_pytorch_cpu_ms"] = cpu_ms(lambda: model(image), arguments.runs)
        within = Within(model, folder)
        for name, each_time in (("operators_engine_ms", False), ("decrypt_per_call_engine_ms", True)):
            within.each_time = each_time
            assert numpy.allclose(within.model(image), wanted, atol=1e-3)
            told[name] = median_ms(lambda: within.model(image), arguments.runs)
            told[name.replace("_ms", "_cpu_ms")] = cpu_ms(lambda: within.model(image), arguments.runs)
        secured = torchkeep.secure(model, folder / "m.tkm", id="m", keyserver=site, policy=site.policy(operator_mode=True), quiet=True)
        assert numpy.allclose(secured(image), wanted, atol=1e-3)
        told["operators_session_ms"] = median_ms(lambda: secured(image), arguments.runs)
    for clock in ("", "cpu_"):
        told[f"decrypt_per_call_over_operators{clock and '_cpu'}"] = \
            told[f"decrypt_per_call_engine_{clock}ms"] / told[f"operators_engine_{clock}ms"]
    told["operators_session_over_plain"] = told["operators_session_ms"] / told["plain_pytorch_ms"]
    print(json.dumps({name: round(value, 2) if isinstance(value, float) else value for name, value in told.items()}, indent=1))


if __name__ == "__main__":
    main()
