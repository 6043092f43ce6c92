"""Parameters chosen on some of the images against those chosen on all: the choice, its accuracy, and what it costs.

Run: python benchmarks/tuning_images.py DATA [--head logistic] [--most 5000 10000 20000]

DATA is a folder with train/ and test/ of many images, such as Fashion-MNIST's. The embeddings come from the cache if
they are known.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from featx import CNNFeatureTransformer, TunedHead, load_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--head", default="logistic")
    parser.add_argument("--most", type=int, nargs="+", default=[5000, 10_000, 20_000])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    parts = []
    for part in ("train", "test"):
        dataset = load_dataset(options.data / part)
        parts.append((CNNFeatureTransformer().fit_transform(dataset.images), np.asarray(dataset.labels)))
    (X, y), (X_test, y_test) = parts
    print(f"{len(X)} x {X.shape[1]}, {len(np.unique(y))} classes, {len(X_test)} test images", flush=True)
    for most in [*options.most, None]:
        for seed in range(options.seeds if most else 1):
            start = time.process_time()
            head = TunedHead(options.head, tuning_images=most, random_state=seed).fit(X, y)
            spent = time.process_time() - start
            accuracy = (head.predict(X_test) == y_test).mean()
            print(most or "all", seed, head.best_params_, f"{accuracy:.4f}", f"{spent:.1f} s", flush=True)


if __name__ == "__main__":
    main()
