#!/usr/bin/python3
"""Exports the demo's models to ONNX, with inputs and PyTorch's own answers beside them.

usage: export.py FOLDER [--models fashion,resnet50] [--threads 2]

Writes to FOLDER: fashion.onnx, fashion_images.npy (float32 [n, 1, 28, 28]), fashion_labels.npy, fashion_logits.npy;
resnet50.onnx, resnet_input.npy (float32 [4, 3, 224, 224]), resnet_logits.npy.
Both models take a batch of any size as "input" and answer with "output". The last line on stdout is JSON: the seconds
that PyTorch takes to classify all images, and its median milliseconds for one image through ResNet-50.
"""
import argparse
import json
import pathlib
import statistics
import sys
import time
import warnings

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import fashion_mnist  # noqa: E402
import models  # noqa: E402

OPSET = 17
WANTED_ACCURACY = 0.91
FASHION_BATCH = 100
RESNET_IMAGES, RESNET_SEED, RESNET_RUNS = 4, 224, 9


def export(model, example, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter talks about models that are not ours
        torch.onnx.export(model, example, path, opset_version=OPSET, input_names=["input"], output_names=["output"],
                          dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})


def export_fashion(folder):
    model = models.fashion_cnn(HERE / "weights/fashion_cnn.pt")
    images, labels = fashion_mnist.load("t10k")
    export(model, torch.from_numpy(images[:2]), folder / "fashion.onnx")
    started = time.monotonic()
    with torch.no_grad():
        logits = torch.cat([model(batch) for batch in torch.from_numpy(images).split(FASHION_BATCH)]).numpy()
    seconds = time.monotonic() - started
    accuracy = float((logits.argmax(1) == labels).mean())
    if accuracy < WANTED_ACCURACY:
        sys.exit(f"the classifier is right for {accuracy:.4f} of the test images, wanted is {WANTED_ACCURACY}: "
                 f"train it anew with demo/train_fashion.py")
    numpy.save(folder / "fashion_images.npy", images)
    numpy.save(folder / "fashion_labels.npy", labels)
    numpy.save(folder / "fashion_logits.npy", logits)
    return {"fashion_seconds": seconds, "fashion_accuracy": accuracy}


def export_resnet50(folder):
    model = models.seeded_resnet50()
    images = torch.randn(RESNET_IMAGES, 3, 224, 224, generator=torch.Generator().manual_seed(RESNET_SEED))
    export(model, images[:2], folder / "resnet50.onnx")
    with torch.no_grad():
        numpy.save(folder / "resnet_input.npy", images.numpy())
        numpy.save(folder / "resnet_logits.npy", model(images).numpy())
        times = []
        for _ in range(RESNET_RUNS):
            started = time.monotonic()
            model(images[:1])
            times.append(1000 * (time.monotonic() - started))
    return {"resnet50_ms": statistics.median(times)}


EXPORTERS = {"fashion": export_fashion, "resnet50": export_resnet50}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--models", default="fashion,resnet50")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    unknown = set(arguments.models.split(",")) - set(EXPORTERS)
    if unknown:
        parser.error(f"no model is called {sorted(unknown)}; known are {sorted(EXPORTERS)}")
    torch.set_num_threads(arguments.threads)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    told = {}
    for name in arguments.models.split(","):
        told |= EXPORTERS[name](arguments.folder)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
