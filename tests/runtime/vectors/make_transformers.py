#!/usr/bin/python3
"""Makes cases in vectors/pytorch with Debian's PyTorch: small seeded transformers and other networks.

Each is a folder as ONNX's own cases are: model.onnx and, for each of two batch sizes and lengths, inputs and PyTorch's
answers as TensorProto files.

usage: tests/runtime/vectors/make_transformers.py
"""
import pathlib
import shutil
import warnings

import torch
from torch import nn

WIDTH = 24
FOLDER = pathlib.Path(__file__).resolve().parent / "pytorch"
TYPES = {torch.float32: 1, torch.int64: 7, torch.bool: 9}


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def tensor_proto(tensor):
    tensor = tensor.detach().contiguous()
    raw = tensor.numpy().tobytes()
    dims = b"".join(b"\x08" + varint(size) for size in tensor.shape)
    return dims + b"\x10" + varint(TYPES[tensor.dtype]) + b"\x4a" + varint(len(raw)) + raw


class Attention(nn.Module):
    def __init__(self, width, heads, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, mask=None, past=None):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
                   for part in self.qkv(x).chunk(3, dim=-1))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        scores = q @ k.transpose(-1, -2) / (width // self.heads) ** 0.5
        if self.causal:
            ones = torch.ones(k.size(2), k.size(2), dtype=torch.bool).tril()
            scores = scores.masked_fill(~ones[k.size(2) - length:], float("-inf"))
        if mask is not None:
            scores = scores + (1.0 - mask[:, None, None, :].float()) * -10000.0
        x = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        return self.out(x), k, v


class Block(nn.Module):
    def __init__(self, width, heads, causal=False, first=True):
        super().__init__()
        self.attention = Attention(width, heads, causal)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.first = first

    def forward(self, x, mask=None, past=None):
        if self.first:
            y, k, v = self.attention(self.norms[0](x), mask, past)
            x = x + y
            return x + self.feed(self.norms[1](x)), k, v
        y, k, v = self.attention(x, mask, past)
        x = self.norms[0](x + y)
        return self.norms[1](x + self.feed(x)), k, v


class Bert(nn.Module):
    """Token numbers and a mask, int64 [batch, length], to states [batch, length, 24] and a pooled one."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(100, WIDTH), nn.Embedding(32, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.blocks = nn.ModuleList([Block(WIDTH, 4, first=False) for _ in range(2)])
        self.pool = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens, mask):
        places = torch.arange(tokens.size(1)).unsqueeze(0).expand_as(tokens)
        x = self.norm(self.words(tokens) + self.places(places))
        for block in self.blocks:
            x, _, _ = block(x, mask)
        return x, torch.tanh(self.pool(x[:, 0]))


class Gpt2(nn.Module):
    """Token numbers [batch, length] and a key/value cache to logits and the cache that follows."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(100, WIDTH), nn.Embedding(32, WIDTH)
        self.blocks = nn.ModuleList([Block(WIDTH, 4, causal=True) for _ in range(2)])
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens, past):
        before = past.size(4)
        places = torch.arange(before, before + tokens.size(1))
        x, presents = self.words(tokens) + self.places(places), []
        for i, block in enumerate(self.blocks):
            x, k, v = block(x, None, (past[i, 0], past[i, 1]))
            presents.append(torch.stack([k, v]))
        return self.norm(x) @ self.words.weight.t(), torch.stack(presents)


class Vit(nn.Module):
    """Images [batch, 3, 16, 16] to logits [batch, 10]."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, stride=4)
        self.token, self.places = nn.Parameter(torch.randn(1, 1, WIDTH)), nn.Parameter(torch.randn(1, 17, WIDTH))
        self.blocks = nn.ModuleList([Block(WIDTH, 4) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.size(0), -1, -1), x], dim=1) + self.places
        for block in self.blocks:
            x, _, _ = block(x)
        return self.head(self.norm(x)[:, 0])


class Nonzero(nn.Module):
    """Scores [n] to those above 0 and their places: shapes that only the elements tell."""

    def forward(self, scores):
        places = torch.nonzero(scores > 0).squeeze(1)
        return scores[places] * 2, places


def save(name, model, cases, inputs, outputs, axes, opset, as_functions=False):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.eval()
    torch.onnx.export(model, cases[0], folder / "model.onnx", input_names=inputs, output_names=outputs,
                      dynamic_axes=axes, opset_version=opset, export_modules_as_functions=as_functions)
    for i, case in enumerate(cases):
        data = folder / f"test_data_set_{i}"
        data.mkdir()
        answers = model(*case)
        answers = [answers] if torch.is_tensor(answers) else list(answers)
        for kind, tensors in (("input", case), ("output", answers)):
            for k, tensor in enumerate(tensors):
                (data / f"{kind}_{k}.pb").write_bytes(tensor_proto(tensor))


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(7)
    text = {0: "batch", 1: "length"}

    def tokens(batch, length):
        mask = torch.ones(batch, length, dtype=torch.int64)
        mask[0, length - 2:] = 0
        return torch.randint(100, (batch, length)), mask

    def cached(batch, length, before):
        return torch.randint(100, (batch, length)), torch.randn(2, 2, batch, 4, before, WIDTH // 4)

    bert = Bert()
    for opset in (13, 17):
        save(f"bert_opset{opset}", bert, [tokens(1, 7), tokens(3, 12)], ["tokens", "mask"], ["states", "pooled"],
             {"tokens": text, "mask": text, "states": text, "pooled": {0: "batch"}}, opset)
    save("gpt2", Gpt2(), [cached(1, 5, 3), cached(2, 1, 9)], ["tokens", "past"], ["logits", "present"],
         {"tokens": text, "past": {2: "batch", 4: "before"}, "logits": text, "present": {2: "batch", 4: "all"}}, 14)
    save("vit", Vit(), [(torch.randn(1, 3, 16, 16),), (torch.randn(3, 3, 16, 16),)], ["images"], ["logits"],
         {"images": {0: "batch"}, "logits": {0: "batch"}}, 17)
    save("nonzero", Nonzero(), [(torch.randn(9),), (torch.randn(4),)], ["scores"], ["chosen", "places"],
         {"scores": {0: "n"}, "chosen": {0: "m"}, "places": {0: "m"}}, 13)
    lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True)
    save("lstm", lstm_only(lstm), [(torch.randn(5, 2, 6),), (torch.randn(3, 1, 6),)], ["x"], ["y"],
         {"x": {0: "length", 1: "batch"}, "y": {0: "length", 1: "batch"}}, 13)
    save_functions()


def save_functions():
    """Modules as local functions that call each other, with attributes handed in."""
    torch.manual_seed(8)
    part = lambda width: nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, width), nn.LeakyReLU(0.2), nn.Linear(width, WIDTH))
    save("functions", nn.Sequential(part(40), part(30), nn.Linear(WIDTH, 5)), [(torch.randn(2, WIDTH),), (torch.randn(5, WIDTH),)],
         ["x"], ["y"], {"x": {0: "batch"}, "y": {0: "batch"}}, 17, as_functions=True)


class lstm_only(nn.Module):
    """The states of all steps alone."""

    def __init__(self, lstm):
        super().__init__()
        self.lstm = lstm

    def forward(self, x):
        return self.lstm(x)[0]


if __name__ == "__main__":
    main()
