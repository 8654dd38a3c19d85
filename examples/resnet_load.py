#!/usr/bin/python3
"""The other half of the story: another program loads the encrypted models, and never sees their weights: whole, and layer by
layer with torchvision's own code around them.

usage: resnet_load.py FOLDER

FOLDER is what resnet_save.py made. Prints top-5, largest difference and latency of both, beside plain PyTorch's; ends with 1 if
an answer is another.
"""
import pathlib
import sys

import numpy
import torch
import torchvision
from resnet_save import milliseconds

import torchkeep

WANTED = 1e-4


def main():
    folder = pathlib.Path(sys.argv[1])
    told = numpy.load(folder / "example.npz")
    image, right = torch.from_numpy(told["input"]), True
    with torchkeep.local(folder / "site") as site:
        for saved in sorted(folder.glob("*.pt")):
            name = saved.stem
            whole = torchkeep.load(folder / f"{name}.tkm", site=site)
            layers = torchkeep.secure(getattr(torchvision.models, name)(weights=None), site=site)
            layers.load_state_dict(torch.load(saved))
            print(whole.client.verdict)
            wanted = torch.from_numpy(told[f"{name}_output"])
            wanted_top, plain = wanted[0].topk(5).indices.tolist(), float(told[f"{name}_ms"])
            print(f"{name}: plain PyTorch's top-5 {wanted_top}, {plain:.1f} ms")
            for mode, model in (("whole", whole), ("layer by layer", layers)):
                found = model(image)
                top, difference = found[0].topk(5).indices.tolist(), float((found - wanted).abs().max())
                right = right and top == wanted_top and difference < WANTED
                took = milliseconds(lambda m=model: m(image))
                print(f"  {mode}: top-5 {top}; largest difference {difference:.1e}; {took:.1f} ms, {took / plain:.2f} of plain PyTorch")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
