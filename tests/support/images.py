"""Made-up images: noise, in memory or in a folder of classes."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def noise(count, side=32, *, seed=0):
    """Return images of noise as one array of RGB pixels."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def write_dark_and_light(folder, count, side=32, *, seed=0):
    """Write PNG files of noise into two folders that are their classes, `count` dark ones and as many light ones."""
    rng = np.random.default_rng(seed)
    for name, low in (("dark", 0), ("light", 128)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(low, low + 128, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder


def write_digits(folder):
    """Write PNG files of twenty zeros and twenty ones into two folders that are their classes."""
    digits = load_digits()
    for name, digit in (("zero", 0), ("one", 1)):
        (folder / name).mkdir()
        for number, pixels in enumerate(digits.images[digits.target == digit][:20]):
            Image.fromarray((pixels * 15).astype(np.uint8)).save(folder / name / f"{number:02}.png")
    return folder


def write_images(folder, *names):
    """Write a small image to each of the files, whose names are relative to the folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3)).save(path)
    return folder
