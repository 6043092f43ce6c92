"""Measure the wall time of a grid search over a pipeline with a warm cache, relative to one over bare embeddings.

The same `GridSearchCV` of logistic regression, scikit-learn's own 10 values of C (10^-4 to 10^4) and 5 folds, runs over
the pipeline with paths of cached images as X and over the bare matrix of their embeddings, in turn, in one process.

    python benchmarks/overhead.py [--images 5000] [--rounds 3]
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from pathlib import Path

import click
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from featx import CNNFeatureTransformer


def write_images(folder: Path, count: int) -> tuple[list[str], np.ndarray]:
    """Write digits with noise as PNG files; return their paths and classes."""
    digits = load_digits()
    rng = np.random.default_rng(0)
    paths, labels = [], []
    for number in range(count):
        source = number % len(digits.target)
        pixels = np.kron(digits.images[source] * 14, np.ones((4, 4))) + rng.normal(0, 12, (32, 32))
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(paths[-1])
        labels.append(digits.target[source])
    return paths, np.array(labels)


def search(*steps: object) -> GridSearchCV:
    """Return the search over a head behind some steps."""
    pipeline = make_pipeline(*steps, StandardScaler(), LogisticRegression())
    return GridSearchCV(pipeline, {"logisticregression__C": np.logspace(-4, 4, 10)}, cv=5)


def timed(estimator: GridSearchCV, X: object, y: np.ndarray) -> float:
    """Return the seconds that fitting takes."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)
    return time.perf_counter() - start


@click.command()
@click.option("--images", default=5000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def run(images: int, rounds: int) -> None:
    """Print each round's seconds and the median ratio."""
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        paths, y = write_images(Path(folder), images)
        transformer = CNNFeatureTransformer(image_size=32, cache=Path(folder, "cache"))
        # Files are trusted not to change unseen once they are two seconds old.
        time.sleep(2.5)
        X = transformer.fit_transform(paths)
        ratios = []
        for number in range(rounds):
            with_paths, with_matrix = search(transformer), search()
            seconds = timed(with_paths, paths, y), timed(with_matrix, X, y)
            ratios.append(seconds[0] / seconds[1])
            same = np.array_equal(with_paths.cv_results_["mean_test_score"], with_matrix.cv_results_["mean_test_score"])
            click.echo(
                f"round {number + 1}: pipeline over paths {seconds[0]:.1f} s, bare matrix {seconds[1]:.1f} s, "
                f"ratio {ratios[-1]:.3f}, same scores: {same}"
            )
        click.echo(f"{images} images x {X.shape[1]} features: median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    run()
