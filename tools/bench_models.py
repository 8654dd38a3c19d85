#!/usr/bin/python3
"""Exports the models that bench_runtime.py measures, with their inputs: FOLDER/NAME.onnx and FOLDER/NAME/INPUT.npy.

usage: bench_models.py FOLDER NAME...

NAME-int8 is NAME quantised by `torchkeep quantize --static` (of TORCHKEEP, by default build/release/bin/torchkeep) with seeded samples, and
NAME-int8-portable the same with --portable. Weights are seeded and of ordinary size; batch norms are calibrated as in the zoo. What is there already is not made again.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import warnings

import numpy
import torch
from torch import nn
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "demo")]
import models as demo_models  # noqa: E402
import zoo  # noqa: E402
import zoo_torchvision  # noqa: E402
from zoo_plain import Attention, Entry, Llama, UNet, causal_mask, tokens  # noqa: E402

WIDTH, HEADS, LAYERS, LENGTH = 768, 12, 12, 128  # of BERT-base and GPT-2 small


class BertBase(nn.Module):
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.first, self.second = Attention(WIDTH, HEADS), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x, mask):
            x = self.first(x + self.attention(x, bias=mask)[0])
            return self.second(x + self.narrow(functional.gelu(self.wide(x))))

    def __init__(self):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(30522, WIDTH), nn.Embedding(512, WIDTH), nn.Embedding(2, WIDTH)
        self.norm, self.layers = nn.LayerNorm(WIDTH), nn.ModuleList(BertBase.Layer() for _ in range(LAYERS))
        self.pooler = nn.Linear(WIDTH, WIDTH)

    def forward(self, ids, mask, kinds):
        x = self.norm(self.words(ids) + self.places(torch.arange(ids.shape[1])) + self.kinds(kinds))
        added = (1.0 - mask[:, None, None].float()) * -10000.0
        for layer in self.layers:
            x = layer(x, added)
        return x, torch.tanh(self.pooler(x[:, 0]))


class Gpt2Small(nn.Module):
    """Token ids, and each layer's keys and values if there are some, to logits and the caches grown."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(50257, WIDTH), nn.Embedding(1024, WIDTH)
        self.attention = nn.ModuleList(Attention(WIDTH, HEADS) for _ in range(LAYERS))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2 * LAYERS + 1))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)) for _ in range(LAYERS))

    def forward(self, ids, *past):
        before = past[0].shape[2] if past else 0
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]) + before)
        mask, presents = causal_mask(ids.shape[1], ids.shape[1] + before), []
        for i, (attention, mlp) in enumerate(zip(self.attention, self.mlp)):
            mixed, present = attention(self.norms[2 * i](x), mask=mask, past=past[2 * i:2 * i + 2] or None)
            x = x + mixed
            x = x + mlp(self.norms[2 * i + 1](x))
            presents += present
        return (self.norms[-1](x) @ self.words.weight.T, *presents)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(10000, 256), nn.Linear(512, 17)
        self.lstm = nn.LSTM(256, 256, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, ids):
        return self.head(self.lstm(self.words(ids))[0])


def image(model, size=224):
    return Entry(model, [(torch.randn(1, 3, size, size),)], ["x"], {"x": {0: "batch"}})


def torchvision_model(name):
    return image(zoo_torchvision.classification(name).model)


def bert():
    axes = {name: {0: "batch", 1: "sequence"} for name in ("ids", "mask", "kinds")}
    case = (tokens(1, LENGTH, vocabulary=30522), torch.ones(1, LENGTH, dtype=torch.long), torch.zeros(1, LENGTH, dtype=torch.long))
    return Entry(BertBase(), [case], list(axes), axes)


def gpt2_prompt():
    return Entry(Gpt2Small(), [(tokens(1, LENGTH, vocabulary=50257),)], ["ids"], {"ids": {0: "batch", 1: "sequence"}})


def gpt2_step():
    names = [f"past_{kind}_{layer}" for layer in range(LAYERS) for kind in ("key", "value")]
    caches = tuple(torch.randn(1, HEADS, LENGTH, WIDTH // HEADS) for _ in names)
    axes = {"ids": {0: "batch"}, **{name: {0: "batch", 2: "past"} for name in names}}
    return Entry(Gpt2Small(), [(tokens(1, 1, vocabulary=50257), *caches)], ["ids", *names], axes)


def llama_step(width, heads, layers, wide, vocabulary):
    names = [f"past_{kind}_{layer}" for layer in range(layers) for kind in ("key", "value")]
    caches = tuple(torch.randn(1, heads // 4, LENGTH, width // heads) for _ in names)
    axes = {"ids": {0: "batch"}, **{name: {0: "batch", 2: "past"} for name in names}}
    model = Llama(width, layers, heads, heads // 4, wide, vocabulary)
    return Entry(model, [(tokens(1, 1, vocabulary=vocabulary), *caches)], ["ids", *names], axes)


def lstm():
    return Entry(Tagger(), [(tokens(1, LENGTH, vocabulary=10000),)], ["ids"], {"ids": {0: "batch", 1: "sequence"}})


MAKERS = {
    "resnet50": lambda: image(demo_models.seeded_resnet50()),
    "bert-base": bert,
    "vit_b_16": lambda: torchvision_model("vit_b_16"),
    "mobilenet_v3_large": lambda: torchvision_model("mobilenet_v3_large"),
    "efficientnet_b0": lambda: torchvision_model("efficientnet_b0"),
    "googlenet": lambda: torchvision_model("googlenet"),
    "gpt2-prompt": gpt2_prompt,
    "gpt2-step": gpt2_step,
    "llama-step": lambda: llama_step(768, 12, 12, 2048, 32000),
    "llama-1g-step": lambda: llama_step(2048, 32, 5, 5632, 32000),
    "u-net": lambda: image(UNet(width=32), 256),
    "lstm": lstm,
}


def export(model, entry, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter talks about shapes that are constant on purpose
        torch.onnx.export(model, entry.cases[0], str(path), opset_version=zoo.OPSET, input_names=entry.inputs, dynamic_axes=entry.axes)


def samples(folder, name, count=8):
    """A folder of seeded samples: the model's own input and others like it."""
    made = folder / f"{name}-samples"
    random = numpy.random.default_rng(zoo.SEED)
    for i in range(count):
        (made / str(i)).mkdir(parents=True, exist_ok=True)
        for file in sorted((folder / name).glob("*.npy")):
            if "@" in file.stem:
                continue
            tensor = numpy.load(file)
            if i > 0 and tensor.dtype.kind == "f":
                tensor = random.standard_normal(tensor.shape).astype(tensor.dtype)
            elif i > 0 and file.stem == "ids":
                tensor = random.integers(0, tensor.max() + 1, tensor.shape)
            numpy.save(made / str(i) / file.name, tensor)
    return sorted(made.iterdir())


def quantise(folder, name, portable):
    """NAME-int8 and its inputs, which are those of NAME."""
    make(folder, name)
    whole = f"{name}-int8" + ("-portable" if portable else "")
    program = os.environ.get("TORCHKEEP", "build/release/bin/torchkeep")
    order = [program, "quantize", folder / f"{name}.onnx", "-o", folder / f"{whole}.onnx", "--static"]
    for sample in samples(folder, name):
        order += [part for file in sorted(sample.iterdir()) for part in ("--calibrate", f"{file.stem}={file}")]
    subprocess.run([*map(str, order), *(["--portable"] if portable else [])], check=True, stdout=subprocess.DEVNULL)
    (folder / whole).mkdir(exist_ok=True)
    for file in (folder / name).glob("*.npy"):
        if "@" not in file.stem:
            shutil.copy(file, folder / whole / file.name)


def make(folder, name):
    path = folder / f"{name}.onnx"
    if path.exists():
        return
    quantised = re.fullmatch(r"(.+)-int8(-portable)?", name)
    if quantised:
        quantise(folder, quantised[1], quantised[2] is not None)
        return
    torch.manual_seed(zoo.SEED)
    entry = MAKERS[name]()
    zoo.calibrate(entry)
    (folder / name).mkdir(parents=True, exist_ok=True)
    for input_name, tensor in zip(entry.inputs, entry.cases[0]):
        numpy.save(folder / name / f"{input_name}.npy", tensor.numpy())
    unfinished = folder / f"{name}.part"
    export(zoo.Flat(entry.model).eval(), entry, unfinished)
    unfinished.rename(path)


if __name__ == "__main__":
    for wanted in sys.argv[2:]:
        make(pathlib.Path(sys.argv[1]), wanted)
