"""How often equally good candidates are rejected by a ranking's test, and how often real ones are: simulated.

    python benchmarks/rank_level.py vendor MANIFEST.csv --noise 1         # the sources are those of rank.py
    python benchmarks/rank_level.py digits --noise 2
    python benchmarks/rank_level.py clothes FOLDER --noise 1 --pool 3000
    python benchmarks/rank_level.py digits                                # the 12 candidates of rank.py

With noise, eight candidates are the embeddings of one network, each with noise of its own of so many standard
deviations: their accuracies are equal by construction, and whatever is rejected is an error. Without, the best is the
one that is most accurate on other images, over all draws. In each draw, a classifier by ridge regression (fast, and
tuned by leaving one out) predicts 200 images in 1, 2 and 3 repeats of a cross-validation with five folds.
"""

from __future__ import annotations

import argparse

import numpy as np
from rank import SEARCH, data_of
from sklearn.model_selection import StratifiedKFold

from featx import CNNFeatureTransformer
from featx.extraction.searched_networks import searched_networks
from featx.ranking.undistinguished import p_values_of_being_best

CANDIDATES, FOLDS = 8, 5
STRENGTHS = 10.0 ** np.arange(-3, 4)
# By these the statistic is divided; that of `p_values_of_being_best` is 1.5.
FACTORS = (1.0, 1.12, 1.25, 1.4, 1.5)
OTHERS = 800


def standardised(X: np.ndarray) -> np.ndarray:
    """Return features of mean 0 and variance 1."""
    X = X.astype(float)
    return (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)


def kernel(X: np.ndarray) -> np.ndarray:
    """Return the mean products of the standardised features of each pair of rows."""
    X = standardised(X)
    return X @ X.T / X.shape[1]


def predict(K: np.ndarray, Y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the classes that ridge regression predicts, its strength chosen by leaving one out."""
    inner = K[np.ix_(train, train)]
    means, mean = inner.mean(axis=0), inner.mean()
    outer = K[np.ix_(test, train)]
    outer = outer - outer.mean(axis=1, keepdims=True) - means + mean
    level = Y[train].mean(axis=0)
    values, vectors = np.linalg.eigh(inner - means - means[:, None] + mean)
    values, target = np.maximum(values, 0), Y[train] - level
    turned, found = vectors.T @ target, []
    for strength in STRENGTHS:
        shrunk = 1 / (values + strength)
        weights = vectors @ (turned * shrunk[:, None])
        left_out = target - weights / (vectors**2 * shrunk).sum(axis=1)[:, None] + level
        found.append((float((left_out.argmax(axis=1) == Y[train].argmax(axis=1)).mean()), weights))
    return (outer @ max(found, key=lambda each: each[0])[1] + level).argmax(axis=1)


def cross_validated(K: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return which images are predicted rightly by the models of the other folds."""
    Y, found = np.eye(y.max() + 1)[y], np.empty(len(y), dtype=int)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(K, y):
        found[test] = predict(K, Y, train, test)
    return found == y


def rejected(right: np.ndarray, factor: float, seed: int) -> np.ndarray:
    """Return which candidates are rejected at 5 % if the statistic is divided by a factor."""
    # With J folds, it is divided by the root of 1 + J / (J - 1); this J need not be a number of folds that there is.
    part = factor**2 - 1
    return p_values_of_being_best(right, folds=part / (part - 1) if part else 1, random_state=seed) < 0.05


def simulate(given: argparse.Namespace) -> None:
    """Print the shares that are rejected, by repeats and by factor."""
    parts, transformer = data_of(given.name, given.sources), CNNFeatureTransformer()
    y = np.unique(np.concatenate([np.asarray(each.labels) for each in parts]), return_inverse=True)[1]
    views = {}
    for name, network in searched_networks(transformer, **SEARCH).items():
        found = [network.extract(network.sources(each.images, each.names)).embeddings for each in parts]
        keys = network.plan(np.arange(0)).views
        views |= {(name, *view): np.concatenate(each)[: given.pool] for view, *each in zip(keys, *found, strict=True)}
    y = y[: given.pool]
    layer = "head" if given.name == "vendor" else "stage6"
    X = standardised(views["efficientnet_lite1", layer, "avg"])
    kernels = [] if given.noise else [kernel(each) for each in views.values()]
    shares: dict[tuple[int, float], list[np.ndarray]] = {}
    accuracies = []
    for draw in range(given.draws):
        rng = np.random.default_rng(draw)
        rows = np.sort(rng.permutation(len(y))[: given.images])
        rows = rows[np.bincount(y[rows], minlength=y.max() + 1)[y[rows]] >= FOLDS]
        truth = np.unique(y[rows], return_inverse=True)[1]
        others = rng.permutation(np.setdiff1d(np.arange(len(y)), rows))[:OTHERS]
        if given.noise:
            sets = [X[rows] + given.noise * rng.normal(size=(len(rows), X.shape[1])) for _ in range(CANDIDATES)]
            drawn = [kernel(each) for each in sets]
        else:
            drawn = [each[np.ix_(rows, rows)] for each in kernels]
            Y = np.eye(y.max() + 1)[y]
            accuracies.append([(predict(each, Y, rows, others) == y[others]).mean() for each in kernels])
        right = np.array([[cross_validated(K, truth, 1000 * draw + r) for r in range(3)] for K in drawn], dtype=float)
        for repeats in (1, 2, 3):
            mean = right[:, :repeats].mean(axis=1)
            for factor in FACTORS:
                shares.setdefault((repeats, factor), []).append(rejected(mean, factor, draw))
    for (repeats, factor), found in shares.items():
        text = f"{repeats} repeats, divided by {factor}: {np.mean(found):.3f} rejected"
        if accuracies:
            text += f", the best {np.mean(found, axis=0)[np.mean(accuracies, axis=0).argmax()]:.3f}"
        print(text, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["defect", "type", "digits", "clothes", "category", "kind", "vendor"])
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--pool", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=60)
    simulate(parser.parse_args())
