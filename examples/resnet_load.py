#!/usr/bin/python3
"""The other half of the story: another program loads the encrypted models, and never sees their weights.

usage: resnet_load.py FOLDER

FOLDER is what resnet_save.py made. Prints top-5, largest difference and latency beside plain PyTorch's; ends with 1 if an answer
is another.
"""
import pathlib
import sys

import numpy
import torch
from resnet_save import milliseconds

import torchkeep

WANTED = 1e-4


def main():
    folder = pathlib.Path(sys.argv[1])
    told = numpy.load(folder / "example.npz")
    image, right = torch.from_numpy(told["input"]), True
    with torchkeep.local(folder / "site") as site:
        for container in sorted(folder.glob("*.tkm")):
            name = container.stem
            model = torchkeep.load(container, site=site)
            print(model.client.verdict if name == "resnet18" else "", end="\n" if name == "resnet18" else "")
            found, wanted = model(image), torch.from_numpy(told[f"{name}_output"])
            top, wanted_top = found[0].topk(5).indices.tolist(), wanted[0].topk(5).indices.tolist()
            difference = float((found - wanted).abs().max())
            right = right and top == wanted_top and difference < WANTED
            print(f"{name}: top-5 {top}, PyTorch's {wanted_top}; largest difference {difference:.1e}; "
                  f"{milliseconds(lambda m=model: m(image)):.1f} ms protected, plain PyTorch {float(told[f'{name}_ms']):.1f} ms")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
