#!/usr/bin/python3
"""Text, one token after the other: a small GPT is trained, encrypted and served. The keys and values of what it has read stay in the
worker's enclave from one step to the next, so that each step sends and reads one token only.

usage: text_generation.py [--tokens 80]

Prints the text as it comes, and checks that it is what plain PyTorch writes, which reads everything anew for each token.
"""
import argparse
import math
import sys
import tempfile
import time

import torch

import torchkeep

TEXT = "the keeper of the light went up the stair, and all the ships went by. "
LETTERS = sorted(set(TEXT))
WIDTH, HEADS, LAYERS, LONGEST = 32, 4, 2, 256


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.after = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.qkv, self.out = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH)
        self.wide = torch.nn.Sequential(torch.nn.Linear(WIDTH, 4 * WIDTH), torch.nn.GELU(), torch.nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x, hidden, past):
        """[batch, length, width], with keys and values of what came before: [batch, heads, past, width / heads] each."""
        batch, length, _ = x.shape
        q, k, v = (part.reshape(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2)
                   for part in self.qkv(self.before(x)).split(WIDTH, -1))
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        scores = (q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS)).masked_fill(hidden, float("-inf"))
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.wide(self.after(x)), (k, v)


class Gpt(torch.nn.Module):
    """`ids` int64 [batch, length] and the cache to logits [batch, length, letters] and the longer cache."""

    def __init__(self):
        super().__init__()
        self.letters, self.places = torch.nn.Embedding(len(LETTERS), WIDTH), torch.nn.Embedding(LONGEST, WIDTH)
        self.blocks, self.last = torch.nn.ModuleList(Block() for _ in range(LAYERS)), torch.nn.LayerNorm(WIDTH)
        self.head = torch.nn.Linear(WIDTH, len(LETTERS))

    def forward(self, ids, past):
        before, length = past[0][0].shape[2], ids.shape[1]
        places = torch.arange(before, before + length)
        hidden = torch.arange(before + length)[None] > places[:, None]
        x, cache = self.letters(ids) + self.places(places), []
        for block, held in zip(self.blocks, past):
            x, kept = block(x, hidden, held)
            cache.append(kept)
        return self.head(self.last(x)), cache


def cache_of(length, batch=1):
    return [tuple(torch.zeros(batch, HEADS, length, WIDTH // HEADS) for _ in range(2)) for _ in range(LAYERS)]


def train(model, steps=160):
    ids = torch.tensor([LETTERS.index(letter) for letter in TEXT * 3])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        starts = torch.randint(0, len(TEXT), (4,))
        rows = torch.stack([ids[start:start + 97] for start in starts])
        logits, _ = model(rows[:, :-1], cache_of(0, 4))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval(), float(loss)


def generate(model, ids, tokens):
    """Yields one token after the other, greedily. What the module returns at 1 is its `past` of the next step."""
    with model.sequence({"past": 1}) as step:
        for _ in range(tokens):
            logits, _ = step(ids)
            ids = logits[:, -1:].argmax(-1)
            yield int(ids)


def plainly(model, ids, tokens):
    """The same by plain PyTorch, without a cache."""
    with torch.no_grad():
        for _ in range(tokens):
            logits, _ = model(ids, cache_of(0))
            ids = torch.cat([ids, logits[:, -1:].argmax(-1)], 1)
    return ids[0, -tokens:].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=80)
    arguments = parser.parse_args()
    torch.manual_seed(7)
    torch.set_num_threads(1)  # threads would only wait for each other over so small a model
    model, loss = train(Gpt())
    print(f"trained to a loss of {loss:.2f}")
    prompt = "the keeper "
    ids = torch.tensor([[LETTERS.index(letter) for letter in prompt]])
    pairs = [f"past[{layer}/{LAYERS}]({i}/2)" for layer in range(LAYERS) for i in range(2)]
    axes = {"ids": {0: "batch", 1: "length"}, **{pair: {0: "batch", 2: "past"} for pair in pairs}}
    with torchkeep.local() as site, tempfile.TemporaryDirectory() as folder:
        torchkeep.protect(model, (ids[:, :3], cache_of(5)), f"{folder}/gpt.tkm", id="gpt", keyserver=site, dynamic_axes=axes)
        served = torchkeep.load(f"{folder}/gpt.tkm", site=site)
        written, started = [], time.perf_counter()
        print(prompt, end="", flush=True)
        for token in generate(served, ids, arguments.tokens):
            written.append(token)
            print(LETTERS[token], end="", flush=True)
        took = time.perf_counter() - started
        print(f"\n{arguments.tokens} tokens, {1000 * took / arguments.tokens:.1f} ms each")
    right = written == plainly(model, ids, arguments.tokens)
    print("the same tokens as plain PyTorch" if right else "NOT what plain PyTorch writes")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
