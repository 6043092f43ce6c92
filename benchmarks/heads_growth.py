"""Time and memory of `evaluate_heads` on many rows: processor seconds, the peak beyond the matrix, and one plain fit.

Run (Linux), one process for each line of the table:
python benchmarks/heads_growth.py ROWS WIDTH CLASSES [--one-fit] [--plain-solver]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from featx import evaluate_heads
from featx.heads.grid_predictions import SHARED_WORK


def memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("rows", "width", "classes"):
        parser.add_argument(name, type=int)
    parser.add_argument("--one-fit", action="store_true")
    parser.add_argument("--plain-solver", action="store_true", help="search with scikit-learn's solver, too")
    options = parser.parse_args()
    if options.plain_solver:
        del SHARED_WORK[LogisticRegression]
    rng = np.random.default_rng(0)
    y = rng.integers(0, options.classes, options.rows)
    centres = rng.standard_normal((options.classes, options.width)).astype(np.float32)
    X = rng.standard_normal((options.rows, options.width), dtype=np.float32)
    X += centres[y] * 0.08
    view = ("head", "avg")
    evaluate_heads({view: X[:3000]}, y[:3000].astype(str))
    Path("/proc/self/clear_refs").write_text("5")
    before, start = memory("VmRSS"), time.process_time()
    result, _ = evaluate_heads({view: X}, y.astype(str))
    spent = time.process_time() - start
    beyond = (memory("VmHWM") - before) / X.nbytes
    print(f"{spent:.1f} s, peak {beyond:.2f} x the matrix beyond it,", result.parameters, result.metrics["accuracy"])
    if options.one_fit:
        with threadpool_limits(1):
            start = time.process_time()
            LogisticRegression(max_iter=1000, **result.parameters).fit(StandardScaler().fit_transform(X), y)
            print(f"one fit {time.process_time() - start:.1f} s")


if __name__ == "__main__":
    main()
