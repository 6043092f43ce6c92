"""Calibration errors: how far the confidence of predictions is from their accuracy, with and without bias.

Confidence is the probability of the predicted class.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["debiased_calibration_error", "error_if_calibrated", "expected_calibration_error"]

BINS = 15
SIMULATIONS = 200


def expected_calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the gap between confidence and accuracy, over 15 bins of equal width (Guo et al. 2017, eq. 3).

    It is biased upwards by chance in each bin: a calibrated model of two classes shows 0.06 on 150 images.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    probabilities : ndarray, shape (n, k)
    """
    confidence, right = _confidence(truth, probabilities)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def debiased_calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the root mean square gap between confidence and accuracy, corrected for what chance adds to it.

    The debiased estimator of the squared l2 calibration error (Kumar, Liang and Ma 2019, "Verified uncertainty
    calibration", sec. 5) over up to 15 bins with equal numbers of images: from the squared gap of a bin with n images
    and accuracy a, a (1 - a) / (n - 1) is subtracted. It is 0 where the mean over bins is negative, so that the root is
    too high where the true error is near 0; `error_if_calibrated` says by how much.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    probabilities : ndarray, shape (n, k)

    Returns
    -------
    float
        NaN for a single image.
    """
    confidence, right = _confidence(truth, probabilities)
    order = np.argsort(confidence, kind="stable")
    return float(_debiased(confidence[order], right[order][None, :].astype(float))[0])


def error_if_calibrated(probabilities: np.ndarray, *, random_state: int = 0) -> float:
    """Return the debiased calibration error that a calibrated model with these probabilities would show on average.

    The mean over 200 simulations in which each image is right with the probability that the model gives it.

    Parameters
    ----------
    probabilities : ndarray, shape (n, k)
    random_state : int, default=0
    """
    confidence = np.sort(probabilities.max(axis=1))
    rng = np.random.default_rng(random_state)
    # A few simulations at a time, so that a hundred thousand images need less than a gigabyte.
    parts = [8] * (SIMULATIONS // 8)
    found = [_debiased(confidence, (rng.random((part, len(confidence))) < confidence).astype(float)) for part in parts]
    return float(np.mean(found))


def _confidence(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == truth


def _debiased(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the debiased error of each row of `right`, shape (m, n); the images are ordered by confidence."""
    n = len(confidence)
    if n < 2:
        return np.full(len(right), math.nan)
    bins = min(BINS, n // 2)
    starts = np.array([n * b // bins for b in range(bins)])
    sizes = np.diff([*starts, n])
    accuracy = np.add.reduceat(right, starts, axis=1) / sizes
    gaps = np.add.reduceat(confidence, starts) / sizes - accuracy
    squares = ((gaps**2 - accuracy * (1 - accuracy) / (sizes - 1)) * sizes).sum(axis=1) / n
    return np.sqrt(np.maximum(squares, 0))
