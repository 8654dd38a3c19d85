#!/usr/bin/python3
"""A transformer that turns sentences into vectors, served from an attested enclave to clients that batch and pad as they like.

Sentences of other numbers and lengths than the example's are asked for: both sides are named in dynamic_axes. The encoder's
weights are from a seed, so which sentences are near each other is by their words alone.
"""
import torch

import torchkeep

WORDS = "<pad> the a cat dog sat slept on under mat rug loan bank rate rises falls".split()


class Encoder(torch.nn.Module):
    """ids int64 [batch, length], mask bool [batch, length] (True: a word) to unit vectors float32 [batch, 32]."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.words = torch.nn.Embedding(len(WORDS), 32, padding_idx=0)
        layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.layers = torch.nn.TransformerEncoder(layer, 2)

    def forward(self, ids, mask):
        hidden = self.layers(self.words(ids), src_key_padding_mask=mask.float() == 0)
        weights = mask.unsqueeze(-1).float()
        mean = (hidden * weights).sum(1) / weights.sum(1)
        return mean / mean.norm(dim=1, keepdim=True)


def batch(sentences):
    rows = [[WORDS.index(word) for word in sentence.split()] for sentence in sentences]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, ids != 0


def main():
    model = Encoder().eval()
    both = {0: "batch", 1: "length"}
    sentences = ["the cat sat on the mat", "a cat sat on a rug", "the dog slept under the rug", "the bank rate rises", "a loan rate falls"]
    with torchkeep.local() as site:
        torchkeep.protect(model, batch(["the cat sat", "a dog"]), "encoder.tkm", id="encoder", keyserver=site, replace=True,
                          dynamic_axes={"ids": both, "mask": both})
        served = torchkeep.load("encoder.tkm", site=site)
        vectors = served(*batch(sentences))
    with torch.no_grad():
        difference = float((vectors - model(*batch(sentences))).abs().max())
    print(f"{len(sentences)} sentences, largest difference from plain PyTorch {difference:.1e}")
    for sentence, row in zip(sentences, vectors @ vectors.t()):
        print("  " + "  ".join(f"{float(value):5.2f}" for value in row) + f"   {sentence}")


if __name__ == "__main__":
    main()
