#!/usr/bin/python3
"""A classifier is trained here, encrypted, and asked through an attested enclave. Takes some seconds.

The pictures are drawn on the spot: crosses, rings and bars of any place and size, with noise.
"""
import torch

import torchkeep

CLASSES = ["cross", "ring", "bar"]


def draw(count, seed):
    """Pictures [count, 1, 24, 24] and their classes [count]."""
    chance = torch.Generator().manual_seed(seed)
    kinds = torch.randint(0, 3, (count,), generator=chance)
    centre = torch.randint(8, 16, (count, 2, 1, 1), generator=chance)
    size = torch.randint(4, 8, (count, 1, 1), generator=chance)
    side = torch.arange(24)
    y, x = side.view(1, 24, 1) - centre[:, 0], side.view(1, 1, 24) - centre[:, 1]
    distance = (x * x + y * y).sqrt()
    inside = (x.abs() <= size) & (y.abs() <= size)
    shapes = torch.stack([((x.abs() < 2) | (y.abs() < 2)) & inside, (distance - size).abs() < 1.2, (y.abs() < 2) & inside])
    pictures = shapes[kinds, torch.arange(count)].float()
    return pictures.unsqueeze(1) + 0.4 * torch.randn(count, 1, 24, 24, generator=chance), kinds


def train(steps=120):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 5, stride=2), torch.nn.BatchNorm2d(16), torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, stride=2), torch.nn.BatchNorm2d(32), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Dropout(0.2), torch.nn.Linear(32 * 4 * 4, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(steps):
        pictures, kinds = draw(64, seed=step)
        loss = torch.nn.functional.cross_entropy(model(pictures), kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def main():
    model = train()
    pictures, kinds = draw(200, seed=9999)
    with torchkeep.local() as site:
        torchkeep.protect(model, pictures[:2], "shapes.tkm", id="shapes", keyserver=site, replace=True)
        served = torchkeep.load("shapes.tkm", site=site)
        print(torchkeep.attest(served.client.url, folder=site.owner(), policy=site.policy()))
        answers = served(pictures).argmax(1)
    accuracy = (answers == kinds).float().mean().item()
    print(f"Of {len(kinds)} new pictures {100 * accuracy:.0f} % are told right, "
          f"{int((answers == model(pictures).argmax(1)).sum())} as by plain PyTorch")
    for name, picture in zip((CLASSES[i] for i in answers[:3]), pictures):
        print(f"\n{name}:")
        for row in picture[0, ::2]:
            print("  " + "".join(" .:*#"[min(4, max(0, int(4 * float(value))))] * 2 for value in row[::2]))


if __name__ == "__main__":
    main()
