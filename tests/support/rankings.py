"""Results of rankings that were not computed, and digits to rank networks on."""

import numpy as np
from sklearn.datasets import load_digits

from featx import ImageDataset
from featx.evaluation.estimates import Estimate
from featx.ranking.result import RankedCandidate, RankingResult


def digits(n, *, n_class=2, **columns):
    """Return so many digits of the first classes in 8 x 8 pixels."""
    data = load_digits(n_class=n_class)
    images = [(image * 15).astype(np.uint8) for image in data.images[:n]]
    return ImageDataset(images, [f"digit {row}" for row in range(n)], data.target[:n].astype(str), **columns)


def candidate(backbone, accuracy, seconds, **others):
    """Return a candidate of which 100 images were seen."""
    score = Estimate(0.2, 0.1, 0.3)
    found = {
        "backbone": backbone, "layer": "stage6", "pooling": "avgmax", "width": 384, "n_images": 100,
        "accuracy": Estimate(accuracy, accuracy - 0.05, accuracy + 0.05), "knn_accuracy": Estimate(accuracy - 0.1),
        "log_evidence": score, "h_score": score, "p_value": 0.5, "undistinguished": True, "on_front": True,
        "recommended": False, "seconds": seconds, "parameters": 3_400_000, "weight_bytes": 13_600_000, **others,
    }  # fmt: skip
    return RankedCandidate(**found)


def ranking(candidates=None, **others):
    """Return the result of a ranking of three networks, of which the second is to be used."""
    candidates = candidates or [
        candidate("efficientnet_lite2", 0.9, 40.0),
        candidate("efficientnet_lite0", 0.895, 20.0, recommended=True, on_front=True),
        candidate("resnet18", 0.7, 30.0, undistinguished=False, p_value=0.0004, on_front=False, n_images=50),
    ]
    found = {
        "candidates": candidates, "n_images": 1000, "classes": ["a", "b"], "rounds": [50, 100], "majority": 0.52,
        "protocol": "logistic regression on 50 and 100 images, 5 folds", "processor": "a processor, 2 threads",
        "n_embedded": 250, "n_forwarded": 200, "n_timed": 96, "n_full": 3000, **others,
    }  # fmt: skip
    return RankingResult(**found)
