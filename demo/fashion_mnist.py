"""Reads Fashion-MNIST as Debian's package dataset-fashion-mnist installs it."""
import gzip
import pathlib

import numpy

FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")


def load(split, folder=FOLDER):
    """`split` is "train" or "t10k"; returns float32 images [n, 1, 28, 28] in 0..1 and int64 labels [n]."""
    images = _read_idx(folder / f"{split}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = _read_idx(folder / f"{split}-labels-idx1-ubyte.gz", 8)
    return (images.astype(numpy.float32) / numpy.float32(255)), labels.astype(numpy.int64)


def _read_idx(path, header_bytes):
    with gzip.open(path, "rb") as file:
        return numpy.frombuffer(file.read(), dtype=numpy.uint8, offset=header_bytes)
