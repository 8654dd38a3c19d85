"""The zoo's models in plain PyTorch, with seeded weights: small in width, whole in structure.

Each maker returns a model and its cases; a case is a tuple of tensors to call it with. `axes` says which dimensions of
which input are left open when it is exported.
"""
import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional


@dataclasses.dataclass
class Entry:
    model: nn.Module
    cases: list  # the first one is what the exporter traces
    inputs: list  # names
    axes: dict  # name of an input: {dimension: name}
    calibration: tuple = None  # what batch norms see; otherwise the first case
    prepare: callable = None  # called with `calibration` once batch norms have their statistics


def tokens(*shape, vocabulary=100):
    return torch.randint(0, vocabulary, shape)


class Attention(nn.Module):
    """Several heads, written out; `groups` heads of keys and values are shared among `heads` of queries."""

    def __init__(self, width, heads, groups=None, rotary=False):
        super().__init__()
        self.heads, self.groups, self.rotary = heads, groups or heads, rotary
        self.size = width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, self.groups * self.size)
        self.value = nn.Linear(width, self.groups * self.size)
        self.out = nn.Linear(width, width)

    def split(self, x, heads):
        return x.view(x.shape[0], x.shape[1], heads, self.size).transpose(1, 2)

    def rotate(self, x, first):
        frequencies = 10000 ** (-torch.arange(0, self.size, 2) / self.size)
        positions = torch.arange(x.shape[2]) + first
        angles = positions[:, None] * frequencies[None]
        angles = torch.cat([angles, angles], -1)
        low, high = x.chunk(2, -1)
        return x * angles.cos() + torch.cat([-high, low], -1) * angles.sin()

    def spread(self, x):
        """Each group for all its heads. With repeat_interleave, torch 1.13 writes a Reshape that mixes up open dimensions."""
        return x[:, :, None].expand(-1, -1, self.heads // self.groups, -1, -1).flatten(1, 2)

    def forward(self, x, other=None, mask=None, past=None, bias=None):
        other = x if other is None else other
        query = self.split(self.query(x), self.heads)
        key, value = self.split(self.key(other), self.groups), self.split(self.value(other), self.groups)
        if self.rotary:
            first = 0 if past is None else past[0].shape[2]
            query, key = self.rotate(query, first), self.rotate(key, first)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        present = (key, value)
        if self.groups != self.heads:
            key, value = self.spread(key), self.spread(value)
        scores = query @ key.transpose(-1, -2) / math.sqrt(self.size)
        if bias is not None:
            scores = scores + bias
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        return self.out(mixed), present


def causal_mask(queries, keys):
    return torch.arange(keys)[None] <= torch.arange(queries)[:, None] + (keys - queries)


class Bert(nn.Module):
    class Layer(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.attention, self.first = Attention(width, 4), nn.LayerNorm(width)
            self.wide, self.narrow, self.second = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), nn.LayerNorm(width)

        def forward(self, x, mask):
            x = self.first(x + self.attention(x, mask=mask)[0])
            return self.second(x + self.narrow(functional.gelu(self.wide(x))))

    def __init__(self, width=64, layers=3):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(100, width), nn.Embedding(64, width), nn.Embedding(2, width)
        self.norm, self.layers = nn.LayerNorm(width), nn.ModuleList(Bert.Layer(width) for _ in range(layers))
        self.pooler = nn.Linear(width, width)

    def forward(self, ids, mask, kinds):
        x = self.norm(self.words(ids) + self.places(torch.arange(ids.shape[1])) + self.kinds(kinds))
        for layer in self.layers:
            x = layer(x, mask[:, None, None].bool())
        return x, torch.tanh(self.pooler(x[:, 0]))


class Gpt2(nn.Module):
    """One step of decoding: tokens and each layer's keys and values so far, to logits and the caches grown."""

    def __init__(self, width=64, layers=2, rotary=False):
        super().__init__()
        self.words, self.places = nn.Embedding(100, width), nn.Embedding(64, width)
        self.attention = nn.ModuleList(Attention(width, 4) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * layers + 1))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)) for _ in range(layers))

    def forward(self, ids, *past):
        before = past[0].shape[2]
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]) + before)
        mask = causal_mask(ids.shape[1], ids.shape[1] + before)
        presents = []
        for i, (attention, mlp) in enumerate(zip(self.attention, self.mlp)):
            mixed, present = attention(self.norms[2 * i](x), mask=mask, past=past[2 * i:2 * i + 2])
            x = x + mixed
            x = x + mlp(self.norms[2 * i + 1](x))
            presents += present
        return (self.norms[-1](x) @ self.words.weight.T, *presents)


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Llama(nn.Module):
    """As Gpt2, with RMSNorm, rotary positions, grouped queries and SwiGLU."""

    def __init__(self, width=64, layers=2, heads=4, groups=2, wide=172, vocabulary=100):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.attention = nn.ModuleList(Attention(width, heads, groups=groups, rotary=True) for _ in range(layers))
        self.norms = nn.ModuleList(RmsNorm(width) for _ in range(2 * layers + 1))
        self.gate, self.up = (nn.ModuleList(nn.Linear(width, wide, bias=False) for _ in range(layers)) for _ in range(2))
        self.down = nn.ModuleList(nn.Linear(wide, width, bias=False) for _ in range(layers))
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids, *past):
        x, presents = self.words(ids), []
        mask = causal_mask(ids.shape[1], ids.shape[1] + past[0].shape[2])
        for i, attention in enumerate(self.attention):
            mixed, present = attention(self.norms[2 * i](x), mask=mask, past=past[2 * i:2 * i + 2])
            x = x + mixed
            normal = self.norms[2 * i + 1](x)
            x = x + self.down[i](functional.silu(self.gate[i](normal)) * self.up[i](normal))
            presents += present
        return (self.head(self.norms[-1](x)), *presents)


class T5(nn.Module):
    """Encoder and decoder with relative position buckets and RMSNorm; no biases of position otherwise."""

    def __init__(self, width=64, layers=2):
        super().__init__()
        self.words, self.bias = nn.Embedding(100, width), nn.Embedding(17, 4)
        self.encoder, self.decoder, self.cross = (nn.ModuleList(Attention(width, 4) for _ in range(layers)) for _ in range(3))
        self.norms = nn.ModuleList(RmsNorm(width) for _ in range(5 * layers))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, width)) for _ in range(2 * layers))

    def distances(self, length):
        apart = torch.arange(length)[None] - torch.arange(length)[:, None]
        return self.bias(apart.clamp(-8, 8) + 8).permute(2, 0, 1)[None]

    def forward(self, ids, answer):
        norms = iter(self.norms)
        x, y = self.words(ids), self.words(answer)
        bias = self.distances(ids.shape[1])
        for attention, mlp in zip(self.encoder, self.mlp):
            x = x + attention(next(norms)(x), bias=bias)[0]
            x = x + mlp(next(norms)(x))
        bias, mask = self.distances(answer.shape[1]), causal_mask(answer.shape[1], answer.shape[1])
        for attention, cross, mlp in zip(self.decoder, self.cross, self.mlp[len(self.encoder):]):
            y = y + attention(next(norms)(y), mask=mask, bias=bias)[0]
            y = y + cross(next(norms)(y), other=x)[0]
            y = y + mlp(next(norms)(y))
        return y @ self.words.weight.T


class UNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.down = nn.ModuleList([self.block(3, width), self.block(width, 2 * width)])
        self.middle = self.block(2 * width, 4 * width)
        self.up = nn.ModuleList([nn.ConvTranspose2d(4 * width, 2 * width, 2, 2), nn.ConvTranspose2d(2 * width, width, 2, 2)])
        self.join = nn.ModuleList([self.block(4 * width, 2 * width), self.block(2 * width, width)])
        self.head = nn.Conv2d(width, 2, 1)

    @staticmethod
    def block(inputs, outputs):
        layers = [(nn.Conv2d(i, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()) for i in (inputs, outputs)]
        return nn.Sequential(*(layer for three in layers for layer in three))

    def forward(self, x):
        kept = []
        for block in self.down:
            kept.append(block(x))
            x = functional.max_pool2d(kept[-1], 2)
        x = self.middle(x)
        for up, join in zip(self.up, self.join):
            x = join(torch.cat([up(x), kept.pop()], 1))
        return self.head(x)


class LstmTagger(nn.Module):
    def __init__(self, kind=nn.LSTM):
        super().__init__()
        self.words = nn.Embedding(100, 32)
        self.lstm, self.head = kind(32, 48, num_layers=2, bidirectional=True, batch_first=True), nn.Linear(96, 9)

    def forward(self, ids):
        return self.head(self.lstm(self.words(ids))[0]).log_softmax(-1)


class Speech(nn.Module):
    """Spectrogram [batch, 40, time] to letters: strided convolutions, then a transformer."""

    def __init__(self, width=64):
        super().__init__()
        self.front = nn.Sequential(nn.Conv1d(40, width, 3, 2, 1), nn.BatchNorm1d(width), nn.GELU(), nn.Conv1d(width, width, 3, 2, 1), nn.GELU())
        self.attention, self.norm = Attention(width, 4), nn.LayerNorm(width)
        self.head = nn.Linear(width, 30)

    def forward(self, sound):
        x = self.front(sound).transpose(1, 2)
        return self.head(self.norm(x + self.attention(x)[0])).log_softmax(-1)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)


def caches(batch, length, heads, layers=2):
    return tuple(torch.randn(batch, heads, length, 16) for _ in range(2 * layers))


def decoder(model, heads):
    names = [f"past_{kind}_{layer}" for layer in range(2) for kind in ("key", "value")]
    cases = [(tokens(batch, new), *caches(batch, old, heads)) for batch, new, old in ((2, 3, 4), (1, 7, 0), (3, 1, 9))]
    axes = {"ids": {0: "batch", 1: "sequence"}, **{name: {0: "batch", 2: "past"} for name in names}}
    return Entry(model, cases, ["ids", *names], axes)


def of_tokens(model, sizes=((2, 9), (1, 5), (3, 16))):
    return Entry(model, [(tokens(*size),) for size in sizes], ["ids"], {"ids": {0: "batch", 1: "sequence"}})


def bert():
    cases = [(tokens(*size), (torch.arange(size[1]) < size[1] - 1).expand(size).long(), tokens(*size, vocabulary=2))
             for size in ((2, 9), (1, 5), (3, 16))]
    return Entry(Bert(), cases, ["ids", "mask", "kinds"], {name: {0: "batch", 1: "sequence"} for name in ("ids", "mask", "kinds")})


def t5():
    cases = [(tokens(batch, length), tokens(batch, answer)) for batch, length, answer in ((2, 9, 4), (1, 5, 1), (3, 12, 7))]
    return Entry(T5(), cases, ["ids", "answer"], {"ids": {0: "batch", 1: "sequence"}, "answer": {0: "batch", 1: "answered"}})


def floats(model, shapes, open_dimensions):
    return Entry(model, [(torch.randn(shape),) for shape in shapes], ["x"], {"x": open_dimensions})


def sequences(model):
    return floats(model, [(2, 9, 64), (1, 5, 64), (3, 16, 64)], {0: "batch", 1: "sequence"})


MAKERS = {
    "bert": bert,
    "gpt2 with key/value cache": lambda: decoder(Gpt2(), 4),
    "llama-like with key/value cache": lambda: decoder(Llama(), 2),
    "t5-like": t5,
    "u-net": lambda: floats(UNet(), [(2, 3, 64, 64), (1, 3, 64, 64), (3, 3, 32, 96)], {0: "batch", 2: "height", 3: "width"}),
    "lstm tagger": lambda: of_tokens(LstmTagger()),
    "gru tagger": lambda: of_tokens(LstmTagger(nn.GRU)),
    "speech cnn-transformer": lambda: floats(Speech(), [(2, 40, 50), (1, 40, 33), (3, 40, 80)], {0: "batch", 2: "time"}),
    "nn.TransformerEncoder": lambda: sequences(nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2)),
    "nn.MultiheadAttention": lambda: sequences(SelfAttention()),
}
