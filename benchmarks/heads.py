"""Compare featx's search over heads with a plain GridSearchCV: time, chosen parameters and scores.

The data have the shape of Flowers-102 (8,189 images, 102 classes of 40 to 258) and of EfficientNet-Lite0's embeddings
(1,280 features, float32): a centre for each class, and noise whose variance falls off over directions as 1/i, as that
of embeddings does. Both searches tune the default head over its default grid on the same inner folds of each part of
the outer cross-validation, fit the best, and predict the part held out; the last row is the search on all images, which
ends `featx fit`. The plain one works on float64.

    python benchmarks/heads.py [--head logistic] [--part 0] [--noise falling|white] [--n-jobs 1] [--blas-threads 1]
"""

from __future__ import annotations

import time
import warnings

import click
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from featx import HEADS, TunedHead
from featx.evaluation.splits import inner_folds, outer_folds
from featx.heads.heads import head_spec


def make_embeddings(images: int, classes: int, features: int, noise: str, signal: float) -> tuple[np.ndarray, ...]:
    """Return float32 embeddings and labels, the classes as uneven as those of Flowers-102."""
    rng = np.random.default_rng(0)
    share = 40 + 218 * rng.beta(0.8, 2.2, size=classes)
    fewest = np.arange(classes).repeat(max(6, 40 * images // 8189))
    y = rng.permutation(np.concatenate([fewest, rng.choice(classes, images, p=share / share.sum())])[:images])
    scale = (1.0 + np.arange(features)) ** (-0.5 if noise == "falling" else 0.0)
    centres = signal * rng.normal(size=(classes, features))
    rotation = rng.normal(size=(features, features)) / np.sqrt(features)
    return (((centres[y] + rng.normal(size=(images, features))) * scale) @ rotation).astype(np.float32), y


def plain(head: str, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, n_jobs: int) -> tuple:
    """Return seconds, the chosen parameters, the best inner score, and how many test rows are predicted right."""
    start = time.perf_counter()
    chosen = head_spec(head)
    folds = inner_folds(y[train], None, 0)
    step = chosen.estimator.steps[-1][0] + "__"
    grid = {step + name: values for name, values in chosen.grid.items()}
    search = GridSearchCV(chosen.estimator, grid, cv=folds, n_jobs=n_jobs).fit(X[train], y[train])
    right = count_right(search, X[test], y[test])
    parameters = {name.removeprefix(step): value for name, value in search.best_params_.items()}
    return time.perf_counter() - start, parameters, search.best_score_, right


def ours(head: str, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, n_jobs: int) -> tuple:
    """Return the same of featx."""
    start = time.perf_counter()
    tuned = TunedHead(head, n_jobs=n_jobs).fit(X[train], y[train])
    right = count_right(tuned, X[test], y[test])
    return time.perf_counter() - start, tuned.best_params_, tuned.best_score_, right


def count_right(head: TunedHead | GridSearchCV, X: np.ndarray, y: np.ndarray) -> str:
    """Return how many rows are predicted right; after training on all images there are none to test on."""
    return f"{(head.predict(X) == y).sum():,} of {len(y):,}" if len(y) else "-"


@click.command()
@click.option("--head", type=click.Choice(HEADS), default="logistic", show_default=True)
@click.option("--images", default=8189, show_default=True)
@click.option("--classes", default=102, show_default=True)
@click.option("--features", default=1280, show_default=True)
@click.option("--noise", type=click.Choice(["falling", "white"]), default="falling", show_default=True)
@click.option("--signal", default=0.23, show_default=True, help="Spread of the centres, in units of the noise.")
@click.option("--part", "parts", type=click.IntRange(0, 5), multiple=True, help="Rows of the table; all by default.")
@click.option("--n-jobs", default=1, show_default=True, help="Of both searches.")
@click.option("--blas-threads", default=1, show_default=True, help="Of both searches.")
def run(
    head: str, images: int, classes: int, features: int, noise: str, signal: float, parts: tuple[int, ...],
    n_jobs: int, blas_threads: int,
) -> None:  # fmt: skip
    """Print a row for each part of the search."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = make_embeddings(images, classes, features, noise, signal)
    everything = np.arange(images)
    tasks = [*outer_folds(y, np.unique(y), 5, None, 0), (everything, everything[:0])]
    click.echo("| trained on | plain GridSearchCV, float64 | featx | ratio | chosen | inner score | right on test |")
    click.echo("|---|---|---|---|---|---|---|")
    totals = np.zeros(2)
    for part in parts or range(6):
        with threadpool_limits(blas_threads):
            slow, fast = (f(head, M, y, *tasks[part], n_jobs) for f, M in ((plain, X.astype(float)), (ours, X)))
        totals += slow[0], fast[0]
        cells = [
            f"{a}" if a == b else f"{a} and {b}"
            for a, b in [
                (slow[1], fast[1]),
                (f"{slow[2]:.6f}", f"{fast[2]:.6f}"),
                (slow[3], fast[3]),
            ]
        ]
        where = "all images" if part == 5 else f"{len(tasks[part][0]):,} of fold {part + 1}"
        click.echo(f"| {where} | {slow[0]:.1f} s | {fast[0]:.1f} s | {slow[0] / fast[0]:.2f} | {' | '.join(cells)} |")
    if len(parts) != 1:
        click.echo(f"| together | {totals[0]:.1f} s | {totals[1]:.1f} s | {totals[0] / totals[1]:.2f} | | | |")


if __name__ == "__main__":
    run()
