"""Pictures, and the forms in which a cell of X may hold each of their files."""

import io
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

PICTURES = [np.random.default_rng(n).integers(0, 256, (20, 24, 3), dtype=np.uint8) for n in range(3)]


def content(path):
    return Path(path).read_bytes()


def at_its_end(path):
    file = io.BytesIO(content(path))
    file.seek(0, os.SEEK_END)
    return file


def loaded(path):
    image = Image.open(path)
    image.load()
    return image


# The cells that have the digest of the file, and those that have that of its pixels.
ENCODED = {
    "path": str,
    "numpy text": np.str_,
    "Path": Path,
    "bytes path": os.fsencode,
    "bytes": content,
    "bytearray": lambda path: bytearray(content(path)),
    "memoryview": lambda path: memoryview(content(path)),
    "BytesIO": lambda path: io.BytesIO(content(path)),
    "BytesIO at its end": at_its_end,
    "record": lambda path: {"bytes": content(path), "path": Path(path).name},
    "record without a path": lambda path: {"bytes": content(path), "path": None},
    "record without bytes": lambda path: {"bytes": None, "path": path},
    "record of a path": lambda path: {"path": path},
}
DECODED = {
    "PIL image": loaded,
    "array": lambda path: np.asarray(Image.open(path)),
    "tensor": lambda path: torch.from_numpy(np.array(Image.open(path))),
}
CELLS = ENCODED | DECODED
