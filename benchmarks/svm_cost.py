"""Seconds of an SVM with a kernel for each pair of rows and feature: the factors of `featx/heads/svm_cost.py`.

Processor seconds of one thread, on made-up standardised rows of which nearly all are support vectors.

    python benchmarks/svm_cost.py
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

# Distance of the classes, by their number.
SIGNAL = {2: 0.06, 10: 0.12, 100: 0.2}
SHAPES = [(2000, 320, 10), (4000, 320, 10), (2000, 1280, 10), (2000, 1280, 2), (2000, 1280, 100), (4000, 1280, 10)]


def make_rows(n: int, width: int, classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and labels."""
    y = rng.permutation(np.arange(n) % classes)
    centres = np.random.default_rng(9).standard_normal((classes, width))
    scale = (1 + np.arange(width)) ** -0.5
    X = (rng.standard_normal((n, width)) + SIGNAL[classes] * centres[y]) * scale
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def main() -> None:
    """Print a row for each shape and strength."""
    print("| rows x width, classes | C | support vectors | fit, s | 1e-10 s each | predict half, s | 1e-10 s each |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for n, width, classes in SHAPES:
        rng = np.random.default_rng(0)
        X, y = make_rows(n, width, classes, rng)
        half, _ = make_rows(n // 2, width, classes, rng)
        for C in (0.1, 10.0):
            with threadpool_limits(1):
                start = time.process_time()
                fitted = SVC(C=C, break_ties=True).fit(X, y)
                fit = time.process_time() - start
                start = time.process_time()
                fitted.predict(half)
                predict = time.process_time() - start
            known = len(fitted.support_)
            cells = [f"{n:,} x {width:,}, {classes}", f"{C:g}", f"{known / n:.2f}", f"{fit:.2f}"]
            cells += [f"{fit / (n * n * width) * 1e10:.2f}", f"{predict:.2f}"]
            cells += [f"{predict / (len(half) * known * width) * 1e10:.2f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
