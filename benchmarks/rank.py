"""Rank networks, layers and poolings on a few images, and compare with nested cross-validation of all on all.

    python benchmarks/rank.py defect                  # solar cells, needs elpv-dataset
    python benchmarks/rank.py type                    # the same cells: monocrystalline or polycrystalline
    python benchmarks/rank.py digits
    python benchmarks/rank.py clothes FOLDER          # a folder of classes
    python benchmarks/rank.py category MANIFEST.csv emoji.json   # emoji of study_data.py, and their list
    python benchmarks/rank.py kind MANIFEST.csv
    python benchmarks/rank.py vendor MANIFEST.csv
    python benchmarks/rank.py share FOLDER            # 5,000 images: what a ranking of 500 costs beside one of all
    python benchmarks/rank.py intervals               # coverage of the intervals of LogME and H-score, simulated
    python benchmarks/rank.py sets                    # how often the best is eliminated, simulated

Three networks (the extra lite), two layers, two poolings. Up to 1,000 images are ranked, by 250, 500 and 1,000 passes
through each network. The truth is the accuracy of logistic regression that is tuned and fitted on all of them, on up to
2,000 other images: on the same ones, the luck of the best would be the regret of all others. The best of the truth is
lucky too. So regret is given twice: against the highest truth, which is too much on average, and against the candidate
that is best on one half of the other images, both judged on the other half, which is too little. The ranking is
repeated with other images drawn.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
from scipy.stats import weightedtau

from featx import CNNFeatureTransformer, ImageDataset, load_dataset, rank_backbones
from featx.evaluation.estimates import Estimate
from featx.evaluation.splits import outer_folds
from featx.extraction.searched_networks import searched_networks
from featx.heads.tuned_head import TunedHead
from featx.ranking.choice import choose_cheapest
from featx.ranking.h_score import h_score
from featx.ranking.jackknife import jackknife_interval
from featx.ranking.judge import JudgedRows, predict_rows
from featx.ranking.logme import log_evidence
from featx.ranking.spectrum import narrowed
from featx.ranking.undistinguished import p_values_of_being_best

NETWORKS = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
SEARCH = {"backbones": NETWORKS, "layers": ["stage6", "head"], "poolings": ["avg", "avgmax"]}
IMAGES, OTHERS = 1000, 2000
NAMES = ("backbone", "layer", "pooling")
# Images of a kind of emoji, of two vendors, and kinds: fewer could not be divided into folds.
LEAST_OF_A_KIND = 40
# Draws of the ranking, by its images.
DRAWS = {250: 3, 500: 3, 1000: 1}
HALVINGS = 50
# The side of images in pixels where costs are compared, which takes 5,000 images through three networks.
SMALL = 64


def data_of(name: str, sources: list[str]) -> tuple[ImageDataset, ImageDataset]:
    """Return up to 1,000 images and up to 2,000 others, drawn at random, whole groups together."""
    if name in ("defect", "type"):
        from elpv_dataset.utils import load_dataset as load_elpv

        images, defects, types = load_elpv()
        labels = np.asarray(types) if name == "type" else np.where(defects >= 0.5, "defective", "sound")
        dataset = ImageDataset(list(images), [str(row) for row in range(len(images))], labels)
    elif name in ("digits", "clothes"):
        dataset = load_dataset("sample:digits" if name == "digits" else sources[0])
    else:
        dataset = _emoji(name, *sources)
    rows = _draw(dataset, IMAGES, seed=0)
    others = dataset.take(np.setdiff1d(np.arange(len(dataset)), rows))
    return dataset.take(rows), others.take(_draw(others, OTHERS, seed=1))


def _draw(dataset: ImageDataset, images: int, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dataset.groups is None:
        return np.sort(rng.permutation(len(dataset))[:images])
    codes = np.unique(dataset.groups, return_inverse=True)[1]
    order = rng.permutation(codes.max() + 1)
    last = order[: int(np.searchsorted(np.bincount(codes)[order].cumsum(), images)) + 1]
    return np.flatnonzero(np.isin(codes, last))


def _emoji(name: str, manifest: str, listed: str = "") -> ImageDataset:
    with open(manifest, newline="") as file:
        rows = list(csv.DictReader(file))
    folder = Path(manifest).parent
    if name == "vendor":
        labels = [row["path"].partition("/")[0] for row in rows]
    elif name == "category":
        category = {each["unified"]: each["category"] for each in json.loads(Path(listed).read_text())}
        labels = [category[row["group"]] for row in rows]
    else:
        labels = [row["label"] for row in rows]
    counts = Counter(labels)
    kept = [n for n, label in enumerate(labels) if counts[label] >= LEAST_OF_A_KIND]
    paths = [str(folder / rows[n]["path"]) for n in kept]
    groups = np.array([rows[n]["group"] for n in kept])
    return ImageDataset(paths, paths, np.array([labels[n] for n in kept]), groups)


def true_right(
    dataset: ImageDataset, others: ImageDataset, transformer: CNNFeatureTransformer
) -> dict[tuple[str, ...], np.ndarray]:
    """Return which of the other images each candidate is right on, fitted on all images of the data set."""
    classes, codes = np.unique(np.asarray(dataset.labels), return_inverse=True)
    actual = np.searchsorted(classes, np.asarray(others.labels))
    found = {}
    for name, network in searched_networks(transformer, **SEARCH).items():
        parts = [network.extract(network.sources(each.images, each.names)).embeddings for each in (dataset, others)]
        for view, X, other in zip(network.plan(np.arange(0)).views, *parts, strict=True):
            head = TunedHead("logistic", random_state=0).fit(X, codes, groups=dataset.groups)
            found[name, *view] = head.predict(other) == actual
    return found


def measure(name: str, sources: list[str], file: Path | None) -> None:
    """Print how the ranking compares with the truth."""
    (dataset, others), transformer = data_of(name, sources), CNNFeatureTransformer()
    began = time.perf_counter()
    right = true_right(dataset, others, transformer)
    truth = {key: float(each.mean()) for key, each in right.items()}
    print(f"{name}: {len(dataset):,} images, {len(dataset.classes)} classes; {time.perf_counter() - began:.0f} s")
    winner = right[max(truth, key=truth.__getitem__)]
    errors = [np.std(winner.astype(float) - each) / np.sqrt(len(others)) for each in right.values()]
    spread = f"{min(truth.values()):.4f} to {max(truth.values()):.4f}, ± {np.median(errors):.4f}"
    print(f"  truth of {len(others):,}: {spread}", flush=True)
    found: dict[int, dict[str, list]] = {}
    with mock.patch("featx.ranking.judge.jackknife_interval", side_effect=_without_interval):
        first = rank_backbones(dataset, transformer, **SEARCH)
    known = {network: _costs(first, network) for network in NETWORKS}
    # What the others need not compute again: they decide nothing.
    scores = mock.patch("featx.ranking.rank.transferability_scores", return_value=(Estimate(0.0), Estimate(0.0)))
    costs = mock.patch("featx.ranking.rank.measure_costs", side_effect=lambda passes, _: known[passes[0].source.name])
    heads = mock.patch("featx.ranking.rank.predict_rows", side_effect=_decisive)
    for images, draws in DRAWS.items():
        of_size = found.setdefault(images, {})
        for seed in range(draws):
            if (images, seed) == (500, 0):
                result = first
            else:
                with scores, costs, heads:
                    result = rank_backbones(dataset, transformer, **SEARCH, images=images, random_state=seed)
            for key, value in _measured(result, right).items():
                of_size.setdefault(key, []).append(value)
            print(images, seed, {key: np.round(values[-1], 4) for key, values in of_size.items()}, flush=True)
    of_first = {tuple(getattr(one, key) for key in NAMES): one for one in first.candidates}
    for score in ("knn_accuracy", "log_evidence", "h_score"):
        pairs = [(getattr(of_first[key], score).value, truth[key]) for key in truth]
        found[500][f"tau of {score}"] = [float(weightedtau(*zip(*pairs, strict=True)).statistic)]
    for images, of_size in found.items():
        for key, values in of_size.items():
            print(f"  {images} {key}: {np.mean(values):.4f}  {np.round(values, 4).tolist()}")
    if file is not None:
        written = {"name": name, "n": len(dataset), "others": len(others), "classes": len(dataset.classes)}
        written |= {"error": float(np.median(errors)), "found": found, "first": first.to_dict()}
        file.write_text(json.dumps(written | {"truth": [[*key, value] for key, value in truth.items()]}))


def _decisive(head: str, X: np.ndarray, rows: JudgedRows) -> np.ndarray:
    """Return what the head that decides predicts; neighbours need not be computed again."""
    return predict_rows(head, X, rows) if head == "logistic" else rows.truth[None]


def _without_interval(score: Callable[[np.ndarray], float], truth: np.ndarray, *_: object, **__: object) -> Estimate:
    return Estimate(score(np.arange(len(truth))))


def _costs(result, network: str) -> list:
    from featx.ranking.speed import NetworkCost

    of_it = {one.layer: one for one in result.candidates if one.backbone == network}
    n = result.n_timed // (len(NETWORKS) * len(SEARCH["layers"]))
    return [NetworkCost(o.seconds, o.parameters, o.weight_bytes, n) for o in (of_it[k] for k in SEARCH["layers"])]


def _measured(result, right: dict[tuple[str, ...], np.ndarray]) -> dict[str, float]:
    """Return the figures of one ranking."""
    truth = {key: float(each.mean()) for key, each in right.items()}
    best = max(truth.values())
    keys = [tuple(getattr(one, key) for key in NAMES) for one in result.candidates]
    kept = [(key, one) for key, one in zip(keys, result.candidates, strict=True) if one.undistinguished]
    accuracies, seconds = zip(*((one.accuracy.value, one.seconds) for _, one in kept), strict=True)
    used = keys[[one.recommended for one in result.candidates].index(True)]
    most = kept[choose_cheapest(accuracies, seconds, margin=0.0)][0]
    return {
        "regret": best - truth[used],
        "regret, halves": _regret_of_halves(right, used),
        "regret of the most accurate": best - truth[most],
        "regret of the most accurate, halves": _regret_of_halves(right, most),
        "set": len(kept),
        "networks": len({key[0] for key, _ in kept}),
        "holds the best": float(any(truth[key] == best for key, _ in kept)),
        "share": result.share_of_full,
        "passes": result.n_embedded + result.n_timed,
        "tau": float(weightedtau(-np.arange(len(keys)), [truth[key] for key in keys]).statistic),
    }


def _regret_of_halves(right: dict[tuple[str, ...], np.ndarray], used: tuple[str, ...]) -> float:
    """Return how much better the best of one half of the images is on the other half, on average over halvings."""
    of_all, mine = np.stack(list(right.values())).astype(float), right[used].astype(float)
    rng, found = np.random.default_rng(0), []
    for _ in range(HALVINGS):
        one, other = np.array_split(rng.permutation(len(mine)), 2)
        for choose, judge in ((one, other), (other, one)):
            best = of_all[:, choose].mean(axis=1).argmax()
            found.append(of_all[best, judge].mean() - mine[judge].mean())
    return float(np.mean(found))


def measure_share(folder: str) -> None:
    """Print the images that go through networks, counted where they do, and the seconds, of 500 images and of all."""
    from featx.networks.backbone import Backbone

    counted, embed = Counter[str](), Backbone.embed

    def counting(self, pixels, views, **options):
        counted["images"] += len(pixels)
        return embed(self, pixels, views, **options)

    dataset = load_dataset(folder)
    dataset = replace(dataset, split=None).take(_draw(dataset, 5000, seed=0))
    transformer = CNNFeatureTransformer(cache=None, image_size=SMALL)
    search = {"backbones": NETWORKS, "layers": ["stage4"], "poolings": ["avg"]}
    with mock.patch.object(Backbone, "embed", counting):
        # What is done once in a process is done before.
        rank_backbones(dataset.take(np.arange(0, len(dataset), 25)), transformer, **search)
        for images in (500, len(dataset)):
            counted.clear()
            wall, processor = time.perf_counter(), time.process_time()
            result = rank_backbones(dataset, transformer, **search, images=images)
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            share = counted["images"] / result.n_full
            print(f"{images:,} images: {counted['images']:,} forwarded ({share:.3f} of all, "
                  f"{result.share_of_full:.3f} by the result)"
                  f", {wall:.1f} s, {processor:.1f} s of processor time", result.rounds,
                  {key: round(value, 1) for key, value in result.seconds.items()}, flush=True)  # fmt: skip
            print("  ", [(*(getattr(o, k) for k in NAMES), round(o.accuracy.value, 4), o.undistinguished, o.recommended)
                         for o in result.candidates], flush=True)  # fmt: skip


def simulate_intervals() -> None:
    """Print how often the intervals of LogME and H-score hold the mean over draws of as many images."""
    for n, d, k in ((120, 40, 3), (200, 320, 5)):
        rng = np.random.default_rng(0)
        centres, scale = rng.normal(size=(k, d)) * 1.5 / np.sqrt(d) * 3, np.linspace(2, 0.2, d)
        values, intervals = {"LogME": [], "H-score": []}, {"LogME": [], "H-score": []}
        for draw in range(200):
            y = rng.permutation(np.arange(n) % k)
            X = centres[y] + rng.normal(size=(n, d)) * scale
            for name, score in (("LogME", log_evidence), ("H-score", h_score)):
                options, narrow = {"width": d} if score is h_score else {}, narrowed(X)

                def part(rows, X=narrow, y=y, score=score, options=options):
                    return score(X[rows], y[rows], **options)

                found = jackknife_interval(part, y, np.arange(n), random_state=draw)
                values[name].append(found.value)
                intervals[name].append((found.low, found.high))
        for name in values:
            low, high = np.transpose(intervals[name])
            mean = np.mean(values[name])
            print(n, d, k, name, f"coverage {np.mean((low <= mean) & (mean <= high)):.3f}", flush=True)


def simulate_sets() -> None:
    """Print how often one of eight equally good candidates is rejected, with the correction for folds and without."""
    n, m = 200, 8
    mock.patch("featx.ranking.undistinguished.FLIPS", 1000).start()
    for classify in (_nearest_means, _ridge):
        for shared, d, signal in ((0.5, 10, 0.3), (0.5, 10, 0.0), (0.5, 60, 0.3), (0.5, 60, 0.0), (0.9, 60, 0.3),
                                  (0.0, 30, 0.2)):  # fmt: skip
            out: dict[int, list[float]] = {1: [], 5: []}
            for draw in range(100):
                rng = np.random.default_rng(draw)
                y = rng.permutation(np.arange(n) % 2)
                common = rng.normal(size=(n, d))
                sets = [
                    np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(n, d)) + signal * y[:, None]
                    for _ in range(m)
                ]
                folds = outer_folds(y, np.array([0, 1]), 5, None, draw)
                right = np.stack([classify(X, y, folds) == y for X in sets])
                for number, found in out.items():
                    p_values = p_values_of_being_best(right, folds=number, random_state=draw)
                    found.append(float((p_values < 0.05).mean()))
            rates = f"corrected {np.mean(out[5]):.4f}, not corrected {np.mean(out[1]):.4f}"
            print(f"{classify.__name__}, shared {shared}, {d} features, signal {signal}: {rates}", flush=True)


def _nearest_means(X: np.ndarray, y: np.ndarray, folds: list) -> np.ndarray:
    found = np.zeros_like(y)
    for train, test in folds:
        means = [X[train][y[train] == number].mean(axis=0) for number in (0, 1)]
        found[test] = np.argmin([((X[test] - mean) ** 2).sum(axis=1) for mean in means], axis=0)
    return found


def _ridge(X: np.ndarray, y: np.ndarray, folds: list) -> np.ndarray:
    found, target, products = np.zeros_like(y), 2.0 * y - 1, X @ X.T
    for train, test in folds:
        level = target[train].mean()
        weights = np.linalg.solve(products[np.ix_(train, train)] + 10 * np.eye(len(train)), target[train] - level)
        found[test] = products[np.ix_(test, train)] @ weights + level > 0
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "name",
        choices=["defect", "type", "digits", "clothes", "category", "kind", "vendor", "share", "intervals", "sets"],
    )
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    simulations = {"intervals": simulate_intervals, "sets": simulate_sets}
    if given.name in simulations:
        simulations[given.name]()
    elif given.name == "share":
        measure_share(given.sources[0])
    else:
        measure(given.name, given.sources, given.json)
