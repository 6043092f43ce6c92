"""Count the forwards of a nested grid search over a table with a column of images, and its accuracy by column.

The table is ELPV's: an image of each solar cell, its kind (mono or polycrystalline) and its mean grey value.

    pip install "featx[dev]" pandas
    python benchmarks/study_data.py cell-table cells/
    python benchmarks/tables.py cells/cells.csv
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from featx import CNNFeatureTransformer
from featx.networks.backbone import Backbone

LAYERS = ["stage6", "stage7"]
C = {"head__C": [0.001, 0.01, 0.1]}
LAYER = "columns__photo__cnnfeaturetransformer__layer"


@contextmanager
def forwards() -> Iterator[list[int]]:
    """Collect the numbers of images of all batches that go through a network."""
    counts: list[int] = []
    embed = Backbone.embed

    def counting(self: Backbone, pixels: Any, *arguments: Any, **options: Any) -> Any:
        if self.device != "meta":  # there, shapes are computed without images
            counts.append(len(pixels))
        return embed(self, pixels, *arguments, **options)

    Backbone.embed = counting  # type: ignore[method-assign]
    try:
        yield counts
    finally:
        Backbone.embed = embed  # type: ignore[method-assign]


@click.command()
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--folds", default=5, show_default=True, help="Of both the inner and the outer cross-validation.")
@click.option("--rows", type=int, help="Take as many rows, drawn at random.")
def main(table: Path, folds: int, rows: int | None) -> None:
    """Search over image, kind and brightness of the cells in TABLE."""
    frame = pd.read_csv(table)
    frame = frame if rows is None else frame.sample(rows, random_state=0)
    frame["photo"] = [str(table.parent / name) for name in frame["photo"]]
    outer, inner = (StratifiedKFold(folds, shuffle=True, random_state=seed) for seed in (0, 1))
    with tempfile.TemporaryDirectory() as cache:
        network = CNNFeatureTransformer(precision="float32", cache=cache, prefetch=[(layer, "avg") for layer in LAYERS])
        steps = {
            "photo": ("photo", make_pipeline(network, StandardScaler()), "photo"),
            "kind": ("kind", OneHotEncoder(), ["kind"]),
            "brightness": ("rest", StandardScaler(), ["brightness"]),
        }
        print(f"{len(frame):,} rows\ncolumns                    fits  forwarded  seconds  balanced accuracy by fold")
        for names in (["photo", "kind", "brightness"], ["photo"], ["kind", "brightness"]):
            columns = ColumnTransformer([steps[name] for name in names])
            model = Pipeline([("columns", columns), ("head", LogisticRegression(max_iter=2000))])
            grid = {**C, **({LAYER: LAYERS} if "photo" in names else {})}
            n_fits = folds * (folds * len(C["head__C"]) * (len(LAYERS) if "photo" in names else 1) + 1)
            search = GridSearchCV(model, grid, cv=inner, scoring="balanced_accuracy")
            start = time.perf_counter()
            with forwards() as counts:
                scores = cross_validate(search, frame, frame["label"], cv=outer, scoring="balanced_accuracy")
            seconds, found = time.perf_counter() - start, 100 * scores["test_score"]
            each = " ".join(f"{score:.1f}" for score in found)
            print(f"{', '.join(names):25}  {n_fits:4}  {sum(counts):9,}  {seconds:7.0f}  {found.mean():.1f} ({each})")


if __name__ == "__main__":
    main()
