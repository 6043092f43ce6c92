"""Plant leaks and wrong labels in real images, and count what an audit finds of them.

    python benchmarks/audit.py fashion FOLDER       # folders of classes
    python benchmarks/audit.py emoji MANIFEST.csv
    python benchmarks/audit.py elpv                 # needs elpv-dataset
    python benchmarks/audit.py digits               # wrong labels only

2,000 images are drawn, three quarters for training. 100 of these are altered, 20 in each way, and put into the test
part. For wrong labels, each label is another one with a probability of 5 %, and none is, for false alarms.
"""

from __future__ import annotations

import argparse
import io
import time
from collections import Counter

import numpy as np
from PIL import Image, ImageEnhance

from featx import CNNFeatureTransformer, TunedHead, as_sources, load_dataset, read_image
from featx.audit.duplicates import duplicate_groups, find_duplicates
from featx.audit.label_errors import find_label_errors
from featx.audit.pictures import read_pictures
from featx.cache.digests import digest_bytes
from featx.evaluation.data_split import DataSplit
from featx.evaluation.units import same_content
from featx.heads.held_out_predictions import predict_held_out

KINDS = ("JPEG quality 30", "80 % crop", "half size", "mirrored", "brightness")
IMAGES, LEAKS, FLIPPED = 2000, 100, 0.05


def altered(kind: str, image: Image.Image, rng: np.random.Generator) -> bytes:
    """Return the file of an altered image."""
    width, height = image.size
    if kind == "80 % crop":
        crop = round(0.8 * width), round(0.8 * height)
        x, y = (int(rng.integers(whole - part + 1)) for whole, part in zip(image.size, crop, strict=True))
        image = image.crop((x, y, x + crop[0], y + crop[1]))
    elif kind == "half size":
        image = image.resize((width // 2, height // 2), Image.Resampling.LANCZOS)
    elif kind == "mirrored":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif kind == "brightness":
        image = ImageEnhance.Brightness(image).enhance(float(rng.choice([0.7, 1.3])))
    return file_of(image, *(("JPEG", 30) if kind == "JPEG quality 30" else ("PNG", 0)))


def file_of(image: Image.Image, format: str = "PNG", quality: int = 0) -> bytes:
    """Return the bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **({"quality": quality} if quality else {}))
    return buffer.getvalue()


def images_of(name: str, source: str | None) -> tuple[list, np.ndarray]:
    """Return images and labels."""
    if name == "elpv":
        from elpv_dataset.utils import load_dataset as load_elpv

        images, defects, _ = load_elpv()
        return list(images), np.where(defects >= 0.5, "defective", "sound")
    dataset = load_dataset("sample:digits" if name == "digits" else str(source))
    return list(dataset.images), np.asarray(dataset.labels)


def measure_leaks(images: list, transformer: CNNFeatureTransformer, seed: int, sheet: str | None) -> None:
    """Plant leaks and print how many are found, by kind, and what else is."""
    rng = np.random.default_rng(seed)
    chosen = [Image.fromarray(read_image(images[row])) for row in np.sort(rng.permutation(len(images))[:IMAGES])]
    training = np.flatnonzero(rng.random(len(chosen)) < 0.75)
    origins = rng.permutation(training)[:LEAKS]
    kinds = [KINDS[place % len(KINDS)] for place in range(LEAKS)]
    files = [file_of(image) for image in chosen]
    files += [altered(kind, chosen[origin], rng) for kind, origin in zip(kinds, origins, strict=True)]
    embeddings = transformer.fit_transform(files)
    sources = as_sources(files)
    start = time.process_time()
    together = same_content([digest_bytes(data) for data in files])
    pairs = find_duplicates(sources, read_pictures(sources), embeddings, together=together)
    seconds = time.process_time() - start
    groups = duplicate_groups(pairs, len(files))
    found = Counter(
        kind
        for row, (kind, origin) in enumerate(zip(kinds, origins, strict=True), len(chosen))
        if groups[row] == groups[origin]
    )
    planted = set(zip(origins.tolist(), range(len(chosen), len(files)), strict=True))
    other = [pair for pair in pairs if pair.second < len(chosen)]
    kinds_of_planted = Counter(pair.kind for pair in pairs if (pair.first, pair.second) in planted)
    print(f"leaks: {sum(found.values())} of {LEAKS} found, {seconds:.0f} s of processor time")
    for kind in KINDS:
        print(f"  {kind:16} {found[kind]:2} of {kinds.count(kind)}")
    print(f"  pairs: {len(pairs)}; planted: {counted(kinds_of_planted)}")
    print(f"  not planted: {counted(Counter(pair.kind for pair in other))}")
    if sheet:
        draw_sheet([(chosen[p.first], chosen[p.second], p) for p in other], sheet, rng)


def counted(kinds: Counter[str]) -> str:
    """Return a text of how many there are of each kind."""
    return f"{kinds.total()} ({', '.join(f'{count} {kind}' for kind, count in kinds.most_common())})"


def draw_sheet(pairs: list, path: str, rng: np.random.Generator) -> None:
    """Draw 25 random pairs that were not planted, to judge by eye whether they show the same picture."""
    page = Image.new("RGB", (5 * 250, 5 * 125), "white")
    for place, row in enumerate(rng.permutation(len(pairs))[:25].tolist()):
        one, other, pair = pairs[row]
        if pair.kind == "mirrored":
            other = other.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        for column, image in enumerate((one, other)):
            page.paste(image.resize((120, 120)), (place % 5 * 250 + column * 121, place // 5 * 125))
    page.save(path)


def measure_labels(X: np.ndarray, labels: np.ndarray, head: str) -> None:
    """Print what is suspected of clean labels, and of labels that were changed at random."""
    classes, counts = np.unique(labels, return_counts=True)
    # Smaller classes have too few images for five folds.
    kept = np.isin(labels, classes[counts >= 10])
    X, (classes, true) = X[kept], np.unique(labels[kept], return_inverse=True)
    for share, seed in ((0.0, 0), (FLIPPED, 0), (FLIPPED, 1), (FLIPPED, 2)):
        rng = np.random.default_rng(seed)
        wrong = rng.random(len(true)) < share
        y = np.where(wrong, (true + rng.integers(1, len(classes), len(true))) % len(classes), true)
        predicted, _ = predict_held_out(TunedHead(head), X, y, DataSplit.cross_validation(y, 5).splits)
        found = find_label_errors(y, predicted.probabilities)
        accuracy = float((predicted.probabilities.argmax(axis=1) == y).mean())
        text = f"labels: accuracy {accuracy:.3f}, {wrong.sum()} wrong, {found.expected:.0f} expected"
        text += f", {len(found.rows)} suspected"
        if share:
            hits = wrong[found.rows]
            print(f"{text}, recall {hits.sum() / wrong.sum():.2f}, precision {hits.mean():.2f}")
        else:
            print(f"{text}: {len(found.rows) / len(y):.1%} of all")


def main() -> None:
    """Measure one data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["fashion", "emoji", "elpv", "digits"])
    parser.add_argument("source", nargs="?")
    parser.add_argument("--layer")
    parser.add_argument("--head", default="logistic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["leaks", "labels"])
    parser.add_argument("--sheet", help="a .png of pairs that were not planted")
    options = parser.parse_args()
    images, labels = images_of(options.name, options.source)
    transformer = CNNFeatureTransformer(layer=options.layer, precision="float32", verbose=True)
    if options.name != "digits" and options.only != "labels":
        measure_leaks(images, transformer, options.seed, options.sheet)
    if options.only == "leaks":
        return
    rows = np.sort(np.random.default_rng(0).permutation(len(images))[:IMAGES])
    measure_labels(transformer.fit_transform([images[row] for row in rows]), labels[rows], options.head)


if __name__ == "__main__":
    main()
