"""Promised: what an SVM takes on many images is said once beforehand, with the head that is quicker."""

from dataclasses import replace

import numpy as np
import pytest

from featx import TunedHead, evaluate_heads
from featx.heads import svm_cost as module
from featx.heads.heads import head_spec
from featx.heads.svm_cost import announce_svm, svm_cost, svm_note
from featx.process import forget

SVM = head_spec("svm")


@pytest.fixture
def quick(monkeypatch):
    """Announce what takes a ten-thousandth of a second."""
    forget("remarks")
    monkeypatch.setattr(module, "MOST_SECONDS", 1e-4)
    yield
    forget("remarks")


def rows(n=120, width=8):
    y = np.arange(n) % 2
    X = np.random.default_rng(0).standard_normal((n, width)) + y[:, None]
    return X.astype(np.float32), np.array(["a", "b"])[y]


def test_costs_grow_with_the_square_of_the_rows_and_with_features():
    few, more, wide = (
        svm_cost(n, width, n_values=4, tuning_images=None)
        for n, width in ((20_000, 640), (40_000, 640), (20_000, 1280))
    )
    assert more.seconds == pytest.approx(4 * few.seconds)
    assert wide.seconds == pytest.approx(2 * few.seconds)
    assert 1.5 < more.memory_bytes / few.memory_bytes < 2
    part = svm_cost(40_000, 640, n_values=4, tuning_images=20_000)
    assert few.seconds < part.seconds < more.seconds


def test_only_many_images_and_kernels_are_announced():
    text, seconds = svm_note(SVM, [24_000] * 5 + [30_000], 1280, 20_000)
    assert seconds > 3600
    assert "for up to 30,000 images of 1,280 features, tuned and fitted 6 times" in text
    assert "for 24,000 images of" in svm_note(SVM, [24_000] * 5, 1280, 20_000)[0]
    assert "linear_svm" in text
    assert svm_note(SVM, [2000], 1280, 20_000)[0] == ""
    linear = replace(SVM, estimator=SVM.with_parameters({"kernel": "linear"}))
    for spec in (head_spec("linear_svm"), head_spec("logistic"), replace(SVM, is_own=True), linear):
        assert svm_note(spec, [100_000], 1280, None) == ("", 0.0)


def test_it_is_logged_once_and_not_for_the_folds_of_what_was_said(quick, caplog):
    X, y = rows()
    result, _ = evaluate_heads({("head", "avg"): X}, y, heads=["svm", "linear_svm"])
    assert [text for text in caplog.messages if "head svm" in text] == [
        note for note in result.notes if "head svm" in note
    ]
    assert sum("tuned and fitted 6 times" in text for text in caplog.messages) == 1
    assert announce_svm(SVM, [120], 8, None)
    assert sum("head svm" in text for text in caplog.messages) == 1
    announce_svm(SVM, [1200], 8, None)
    assert sum("head svm" in text for text in caplog.messages) == 2


def test_a_head_that_is_fitted_alone_says_it_too(quick, caplog):
    X, y = rows()
    for _ in range(2):
        TunedHead("svm").fit(X, y)
        TunedHead("knn").fit(X, y)
    (text,) = caplog.messages
    assert "120 images of 8 features:" in text
