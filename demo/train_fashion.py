#!/usr/bin/python3
"""Trains the demo's classifier on Fashion-MNIST and stores its weights: a few minutes on two cores.

usage: train_fashion.py [--epochs N] [--out demo/weights/fashion_cnn.pt]
Refuses to store a model that is right for fewer than 91 of 100 test images.
"""
import argparse
import pathlib
import sys
import time

import torch
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fashion_mnist  # noqa: E402
from models import FashionCnn  # noqa: E402

WANTED_ACCURACY = 0.91


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        right = sum(int((model(images[i:i + 1000]).argmax(1) == labels[i:i + 1000]).sum())
                    for i in range(0, len(images), 1000))
    return right / len(images)


def train(epochs):
    torch.manual_seed(1)
    images, labels = (torch.from_numpy(array) for array in fashion_mnist.load("train"))
    test_images, test_labels = (torch.from_numpy(array) for array in fashion_mnist.load("t10k"))
    model = FashionCnn()
    batch, steps = 256, -(-len(images) // 256)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=6e-3, total_steps=epochs * steps)
    for epoch in range(epochs):
        started = time.monotonic()
        model.train()
        order = torch.randperm(len(images))
        for start in range(0, len(images), batch):
            chosen = order[start:start + batch]
            inputs = images[chosen]
            if torch.rand(()) < 0.5:
                inputs = inputs.flip(3)
            loss = functional.cross_entropy(model(inputs), labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{epochs}: loss {loss.item():.3f}, "
              f"test accuracy {accuracy(model, test_images, test_labels):.4f}, "
              f"{time.monotonic() - started:.0f} s", flush=True)
    return model, accuracy(model, test_images, test_labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent / "weights/fashion_cnn.pt")
    arguments = parser.parse_args()
    model, reached = train(arguments.epochs)
    if reached < WANTED_ACCURACY:
        sys.exit(f"test accuracy {reached:.4f} is below {WANTED_ACCURACY}; nothing was stored")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), arguments.out)
    print(f"stored {arguments.out} ({arguments.out.stat().st_size} bytes), test accuracy {reached:.4f}")


if __name__ == "__main__":
    main()
