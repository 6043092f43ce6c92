"""Compare ONNX files with `featx predict` on 300 images of odd kinds, for every head on three networks; time both.

    pip install "featx[onnx]"
    python benchmarks/onnx_files.py answers     # largest difference of a probability, images of another class, size
    python benchmarks/onnx_files.py speed       # processor seconds for an image, and for twelve megapixels

The models are fitted on 300 handwritten digits of scikit-learn. The images are cuts of scikit-learn's two photographs,
and noise, written as files of twelve kinds, 25 of each. Both sides take the pixels that `featx.read_image` gives.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.datasets import load_sample_images
from sklearn.pipeline import make_pipeline

from featx import (
    HEADS,
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    FeatxError,
    export_onnx,
    load_dataset,
    make_head,
    read_image,
)

PER_KIND, N_TRAIN, TRIALS = 25, 300, 5
NETWORKS = {
    "efficientnet_lite0": {},
    "resnet18, random": {"backbone": "resnet18", "weights": None, "image_size": 96},
    "stage6, flattened": {"layer": "stage6", "pooling": "flatten", "image_size": 64},
}
# One value of each parameter: it is not the search that is looked at.
GRIDS: dict[str, dict[str, list[Any]]] = {
    "logistic": {"C": [0.01]}, "linear_svm": {"C": [0.001]}, "svm": {"C": [10.0]}, "knn": {"n_neighbors": [5]},
    "ridge": {"alpha": [100.0]}, "mlp": {"alpha": [0.01], "hidden_layer_sizes": [(64,)]},
}  # fmt: skip
ORIENTATION = 0x112


def odd_images(folder: Path) -> Iterator[Path]:
    """Write files of twelve kinds and yield them."""
    rng = np.random.default_rng(0)
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]

    def cut(most: int = 400) -> Image.Image:
        photo = photos[rng.integers(2)]
        width, height = (2 * int(rng.integers(10, most // 2)) + 1 for _ in range(2))
        left, top = int(rng.integers(0, photo.width - width)), int(rng.integers(0, photo.height - height))
        return photo.crop((left, top, left + width, top + height))

    def deep() -> Image.Image:
        return Image.fromarray(np.asarray(cut().convert("L"), np.uint16) * 257)

    def transparent() -> Image.Image:
        image = cut().convert("RGBA")
        image.putalpha(Image.fromarray(rng.integers(0, 256, image.size[::-1], dtype=np.uint8)))
        return image

    def of_size(*sizes: tuple[int, int]) -> Image.Image:
        return cut().resize(sizes[rng.integers(len(sizes))])

    def noise() -> Image.Image:
        return Image.fromarray(rng.integers(0, 256, (*rng.integers(10, 300, 2), 3), dtype=np.uint8))

    kinds: dict[str, tuple[str, Callable[[], Image.Image]]] = {
        "odd": ("png", cut),
        "jpeg": ("jpg", cut),
        "turned": ("jpg", cut),
        "grey": ("png", lambda: cut().convert("L")),
        "16-bit": ("png", deep),
        "transparent": ("png", transparent),
        "palette": ("png", lambda: cut().convert("P")),
        "cmyk": ("jpg", lambda: cut().convert("CMYK")),
        "tiny": ("png", lambda: of_size((1, 1), (1, 7), (3, 2), (8, 8), (31, 17))),
        "strip": ("png", lambda: of_size((3000, 20), (20, 3000), (1, 400), (500, 9))),
        "large": ("jpg", lambda: of_size((1601, 1203), (2000, 1500), (999, 2501))),
        "noise": ("png", noise),
    }
    for name, (suffix, make) in kinds.items():
        for number in range(PER_KIND):
            path = folder / f"{name}-{number}.{suffix}"
            exif = Image.Exif()
            if name == "turned":
                exif[ORIENTATION] = 2 + number % 7
            make().save(path, exif=exif)
            yield path


def models() -> Iterator[tuple[str, str, BaseEstimator]]:
    """Yield fitted models with the names of their networks and heads."""
    digits = load_dataset("sample:digits")
    rows = np.random.default_rng(0).permutation(len(digits.labels))[:N_TRAIN]
    X, y = [digits.images[row] for row in rows], np.asarray(digits.labels)[rows]
    for network, options in NETWORKS.items():
        features = CNNFeatureTransformer(precision="float32", **options)
        for head in HEADS:
            if network != "stage6, flattened" or head == "logistic":
                yield network, head, make_pipeline(features, make_head(head, grid=GRIDS[head])).fit(X, y)
    tuned = CNNFineTuneClassifier(image_size=96, trainable_stages=1, epochs=2, hidden_units=32, precision="float32")
    yield "efficientnet_lite0, finetuned", "dense", tuned.fit(X, y)


def session(path: str) -> onnxruntime.InferenceSession:
    """Return a session on one core, so that processor seconds count."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@click.group()
def main() -> None:
    """Compare ONNX files with featx."""


@main.command()
def answers() -> None:
    """Compare the probabilities of every head on every network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [str(path) for path in odd_images(folder)]
        pixels = [read_image(path) for path in paths]
        print(f"{len(paths)} images\n{'network':30} {'head':11} {'weights':8} {'MB':>6}  difference  another class")
        for network, head, model in models():
            expected = model.predict_proba(paths)
            for precision in ("float32", "float16") if head in ("logistic", "dense") else ("float32",):
                row = f"{network:30} {head:11} {precision:8}"
                try:
                    found = export_onnx(model, folder / "model.onnx", precision=precision)
                except FeatxError as error:
                    print(f"{row} refused: {error}")
                    continue
                run = session(found.path).run
                given = np.concatenate([run(["probabilities"], {"image": image[None]})[0] for image in pixels])
                largest = np.abs(given - expected).max()
                others = int((given.argmax(axis=1) != expected.argmax(axis=1)).sum())
                print(f"{row} {found.n_bytes / 1e6:6.1f}  {largest:10.1e}  {others:13}", flush=True)


@main.command()
def speed() -> None:
    """Measure the processor seconds of a prediction, one image at a time and 16 together."""
    rng = np.random.default_rng(0)
    network, head, model = next(models())
    model.set_params(cnnfeaturetransformer__cache=None)
    with tempfile.TemporaryDirectory() as name:
        run = session(export_onnx(model, Path(name, "m.onnx")).path).run
        print(f"{network}, {head}: milliseconds of processor time for an image, least of {TRIALS}")
        print("pixels           together  featx  onnxruntime")
        for count, height, width in ((1, 300, 300), (16, 300, 300), (1, 1500, 2000), (1, 3000, 4000)):
            batch = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
            one, other = (
                min(_seconds(call) for _ in range(TRIALS)) / count * 1e3
                for call in (lambda: model.predict_proba(batch), lambda: run(None, {"image": batch}))  # noqa: B023
            )
            print(f"{height:4} x {width:4} {count:13} {one:6.0f}  {other:11.0f}", flush=True)


def _seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
