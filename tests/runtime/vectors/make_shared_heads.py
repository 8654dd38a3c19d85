#!/usr/bin/python3
"""Makes vectors/pytorch/shared_heads_* with Debian's PyTorch: a layer of a decoder that keeps keys and values.

Fewer heads of keys than of queries, which are repeated for them in each of the ways in which PyTorch programs do that.

usage: tests/runtime/vectors/make_shared_heads.py
"""
import warnings

import torch
from torch import nn

from make_transformers import save

HEADS, GROUPS, SIZE = 4, 2, 8
EACH = HEADS // GROUPS


def expand(x):
    batch, groups, length, size = x.shape
    return x[:, :, None].expand(batch, groups, EACH, length, size).reshape(batch, HEADS, length, size)


def repeat(x):
    batch, _, length, size = x.shape
    return x.unsqueeze(2).repeat(1, 1, EACH, 1, 1).view(batch, HEADS, length, size)


def stack(x):
    return torch.stack([x] * EACH, dim=2).flatten(1, 2)


def interleave(x):
    # Sides that callers choose must stand before the repeated one: of those behind it PyTorch 1.13 exports another shape
    # than it computes itself.
    return x.transpose(1, 2).repeat_interleave(EACH, dim=2).transpose(1, 2)


WAYS = {
    "expand": expand,
    "repeat": repeat,
    "repeat_in_turn": lambda x: x.repeat(1, EACH, 1, 1),
    "repeat_interleave": interleave,
    "index": lambda x: x[:, torch.arange(HEADS) // EACH],
    "cat": lambda x: torch.cat([x] * EACH, dim=1),
    "stack": stack,
}


class Layer(nn.Module):
    """x [batch, length, 32] and what was before, keys and values [batch, 2, before, 8], to y and all keys and values."""

    def __init__(self, way):
        super().__init__()
        self.way = way
        self.q, self.k, self.v = (nn.Linear(HEADS * SIZE, count * SIZE) for count in (HEADS, GROUPS, GROUPS))
        self.out = nn.Linear(HEADS * SIZE, HEADS * SIZE)

    def forward(self, x, past_k, past_v):
        batch, length, width = x.shape
        q, k, v = (part(x).view(batch, length, -1, SIZE).transpose(1, 2) for part in (self.q, self.k, self.v))
        k, v = torch.cat([past_k, k], dim=2), torch.cat([past_v, v], dim=2)
        scores = q @ WAYS[self.way](k).transpose(-1, -2) / SIZE**0.5
        y = (scores.softmax(-1) @ WAYS[self.way](v)).transpose(1, 2).reshape(batch, length, width)
        return self.out(y), k, v


def case(batch, length, before):
    past = [torch.randn(batch, GROUPS, before, SIZE) for _ in range(2)]
    return (torch.randn(batch, length, HEADS * SIZE), *past)


def main():
    warnings.simplefilter("ignore")
    text, before, after = {0: "batch", 1: "length"}, {0: "batch", 2: "before"}, {0: "batch", 2: "all"}
    axes = {"x": text, "past_k": before, "past_v": before, "y": text, "k": after, "v": after}

    def make(name, way, **how):
        torch.manual_seed(9)
        save(f"shared_heads_{name}", Layer(way), [case(2, 3, 5), case(1, 1, 8)], ["x", "past_k", "past_v"], ["y", "k", "v"],
             axes, 17, **how)

    for way in WAYS:
        make(way, way)
    make("in_functions", "repeat_interleave", as_functions=True)


if __name__ == "__main__":
    main()
