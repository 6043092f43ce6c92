"""What operating points ask for and what they reach, over many splits of real images.

    python benchmarks/operating_points.py CELLS                    # a folder of defective.N.png and functional.N.png
    python benchmarks/operating_points.py CELLS --repeats 5 --asked cost=5:1

CELLS are the ELPV cells (pip install elpv-dataset), named by class. Each split fits a head on a part, with a threshold
that is chosen on its inner folds, and decides on the other images. A row gives the mean over the splits of what was
reached there, the lowest and highest, and in how many splits the 95 % interval holds what was asked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from featx import CNNFeatureTransformer, TunedHead, load_dataset
from featx.evaluation.operating_point import parse_operating_point
from featx.evaluation.reached_point import judge_point
from featx.evaluation.splits import held_out_split

ASKED = ("sensitivity=0.9", "sensitivity=0.95", "sensitivity=0.99", "specificity=0.95", "precision=0.9")
PATTERN = r"(?P<label>[a-z]+)\.\d+"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--positive", default="defective")
    parser.add_argument("--head", default="logistic")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--asked", action="append")
    parser.add_argument("--train", type=int, action="append", help="images that are fitted on [default: 1968 and 300]")
    options = parser.parse_args()
    data = load_dataset(options.cells, label_pattern=PATTERN)
    X = CNNFeatureTransformer().fit_transform(data.images)
    y = np.asarray(data.labels)
    head = f"{'asked':20}{'images':>7}{'of class':>9}{'reached':>9}{'lowest':>8}{'highest':>8}{'held':>7}"
    print(f"{head}{'sensitivity':>13}{'specificity':>13}{'precision':>11}")
    for size in options.train or (1968, 300):
        for asked in options.asked or ASKED:
            print(row_of(X, y, size, asked, options), flush=True)


def row_of(X: np.ndarray, y: np.ndarray, size: int, asked: str, options: argparse.Namespace) -> str:
    """Return the row of an operating point, from heads fitted on random parts of this size."""
    point, found = parse_operating_point(asked), []
    for seed in range(options.repeats):
        rest, test = held_out_split(y, 0.25, random_state=seed)
        train = rest if size >= len(rest) else rest[held_out_split(y[rest], size, random_state=seed)[1]]
        fitted = TunedHead(options.head, positive=options.positive, operating_point=asked, scoring="roc_auc",
                           random_state=seed).fit(X[train], y[train])  # fmt: skip
        own, flagged = y[test] == options.positive, fitted.predict(X[test]) == options.positive
        chosen = fitted.threshold_
        judged = judge_point(own, flagged, point, chosen, positive=options.positive, thresholds=[chosen.threshold])
        found.append(judged.reached)
    reached = [each[point.quantity] for each in found]
    values = [each.value for each in reached]
    held = sum(each.low <= point.level <= each.high for each in reached)
    means = [np.nanmean([each[name].value for each in found]) for name in ("sensitivity", "specificity", "precision")]
    of_class = int((y[train] == options.positive).sum())
    return (
        f"{asked:20}{len(train):7,}{of_class:9,}{np.nanmean(values):9.3f}{np.nanmin(values):8.3f}"
        f"{np.nanmax(values):8.3f}{f'{held}/{len(found)}':>7}{means[0]:13.3f}{means[1]:13.3f}{means[2]:11.3f}"
    )


if __name__ == "__main__":
    main()
