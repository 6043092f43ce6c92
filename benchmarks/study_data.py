"""Write data that can be had without a hub as folders of images, for the commands of docs/.

    pip install "featx[dev]"          # solar cells: the package elpv-dataset (CC BY-NC-SA 4.0)
    apt-get download dataset-fashion-mnist && dpkg-deb -x dataset-fashion-mnist_*.deb fashion         # MIT
    npm pack emoji-datasource-google emoji-datasource-twitter              # Apache 2.0, CC BY 4.0
    python benchmarks/study_data.py clothes fashion clothes/   # ten classes: clothes/train/bag/00001.png, clothes/test
    python benchmarks/study_data.py emoji emoji-datasource-*.tgz emoji/    # emoji/emoji.csv: 80 classes, grouped
    python benchmarks/study_data.py cells cells/               # cells/defective.0.png, cells/functional.0.png, ...
    python benchmarks/study_data.py cell-table cells/          # cells/cells.csv: photo, kind, brightness, label
    python benchmarks/study_data.py photos .                   # 300 of them: photos/defective, photos/functional; new/

Nothing is downloaded here, and nothing is copied into the repository.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import click
import numpy as np
from elpv import read_labels
from PIL import Image

CLOTHES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
# A class of emoji needs some to train on and some to test.
LEAST_EMOJI = 6


@click.group()
def main() -> None:
    """Write images of one data set into a folder."""


@main.command()
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def clothes(source: Path, target: Path) -> None:
    """Fashion-MNIST, 28 x 28 pixels, as TARGET/train and TARGET/test with a folder for each of ten classes."""
    for name, part in (("train", "train"), ("t10k", "test")):
        pixels, labels = (_read_idx(next(source.rglob(f"{name}-{kind}-ubyte.gz"))) for kind in
                          ("images-idx3", "labels-idx1"))  # fmt: skip
        for label in CLOTHES:
            (target / part / label).mkdir(parents=True)
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            Image.fromarray(image).save(target / part / CLOTHES[label] / f"{number:05}.png")


@main.command()
@click.argument("archives", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True)
@click.argument("target", type=click.Path(path_type=Path))
def emoji(archives: tuple[Path, ...], target: Path) -> None:
    """Emoji, 64 x 64 pixels, each as several vendors draw it: its kind is its class, and what it shows its group."""
    rows = []
    for archive in archives:
        with tarfile.open(archive) as files:
            listed = json.load(files.extractfile("package/emoji.json") or _missing(archive))
            vendor = next(name.split("/")[2] for name in files.getnames() if name.startswith("package/img/"))
            (target / vendor).mkdir(parents=True)
            for entry in listed:
                member = f"package/img/{vendor}/64/{entry['image']}"
                if not entry[f"has_img_{vendor}"]:
                    continue
                content = files.extractfile(member) or _missing(archive)
                with open(target / vendor / entry["image"], "wb") as file:
                    shutil.copyfileobj(content, file)
                rows.append([f"{vendor}/{entry['image']}", entry["subcategory"], entry["unified"]])
    shown = Counter(label for _, label, _ in {(group, label, group) for _, label, group in rows})
    with open(target / "emoji.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group"])
        writer.writerows(row for row in rows if shown[row[1]] >= LEAST_EMOJI)


@main.command()
@click.argument("target", type=click.Path(path_type=Path))
def cells(target: Path) -> None:
    """Solar cells of ELPV, 300 x 300 pixels, in one folder, with the class in the name of the file."""
    target.mkdir(parents=True)
    counts: Counter[str] = Counter()
    for path, label, _ in read_labels():
        shutil.copyfile(path, target / f"{label}.{counts[label]}.png")
        counts[label] += 1


@main.command()
@click.argument("target", type=click.Path(path_type=Path))
def cell_table(target: Path) -> None:
    """Solar cells of ELPV as TARGET/cells.csv: photo, kind (mono or poly), brightness and label; and the images."""
    target.mkdir(parents=True)
    with open(target / "cells.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["photo", "kind", "brightness", "label"])
        for path, label, stratum in read_labels():
            shutil.copyfile(path, target / path.name)
            with Image.open(path) as image:
                brightness = np.asarray(image.convert("L")).mean()
            writer.writerow([path.name, stratum.split()[1], f"{brightness:.2f}", label])


@main.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--images", default=300, show_default=True, help="How many have a class.")
def photos(target: Path, images: int) -> None:
    """Solar cells as TARGET/photos, with a folder for each of two classes, and a dozen more as TARGET/new."""
    drawn = random.Random(0).sample(sorted(read_labels()), images + 12)
    for path, label, _ in drawn[:images]:
        (target / "photos" / label).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / "photos" / label / path.name)
    (target / "new").mkdir()
    for path, _, _ in drawn[images:]:
        shutil.copyfile(path, target / "new" / path.name)


def _read_idx(path: Path) -> np.ndarray:
    """Return the array in a file of MNIST's format: 4 bytes say the type and the axes, 4 each axis's length."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _missing(archive: Path) -> None:
    raise click.ClickException(f"{archive} is no archive of emoji-datasource: npm pack emoji-datasource-google")


if __name__ == "__main__":
    main()
