#!/usr/bin/python3
"""The owner's half of a story in two programs: ResNet-18 and ResNet-50 are encrypted, each under a key of its own.

usage: resnet_save.py FOLDER [--models resnet18,resnet50]

FOLDER keeps the simulated site (with a real one its key server runs elsewhere), resnet18.tkm and resnet50.tkm, which are run
whole, resnet18.pt and resnet50.pt, state dicts whose layers are called one by one (docs/operator-mode.md), and for the other
program to compare with, example.npz: an input and plain PyTorch's answers and milliseconds. Weights are from a seed, as
large and as slow as trained ones; put your own in `build`.
"""
import argparse
import pathlib
import statistics
import time

import numpy
import torch
import torchvision

import torchkeep


def build(name):
    """A torchvision model with weights from a seed and batch norms as training would leave them."""
    torch.manual_seed(50)
    model = getattr(torchvision.models, name)(weights=None)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0.0, 0.1)
                module.running_var.uniform_(0.8, 1.2)
            last = getattr(module, "bn3", getattr(module, "bn2", None))
            if isinstance(last, torch.nn.BatchNorm2d):
                last.weight.fill_(0.25)  # so that numbers stay near 1 through all layers
    return model.eval()


def milliseconds(call, runs=9):
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--models", default="resnet18,resnet50")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(224))
    told = {"input": image.numpy()}
    with torchkeep.local(arguments.folder / "site") as site, torch.no_grad():
        for name in arguments.models.split(","):
            model = build(name)
            torchkeep.protect(model, image, arguments.folder / f"{name}.tkm", id=name, keyserver=site, replace=True)
            secured = torchkeep.secure(model, arguments.folder / f"{name}-layers.tkm", id=f"{name}-layers", keyserver=site,
                                       policy=site.policy(operator_mode=True), replace=True)
            torch.save(secured.state_dict(), arguments.folder / f"{name}.pt")
            told[f"{name}_output"] = model(image).numpy()
            told[f"{name}_ms"] = numpy.float64(milliseconds(lambda m=model: m(image)))
    numpy.savez(arguments.folder / "example.npz", **told)


if __name__ == "__main__":
    main()
