"""Promised: no public record prints as a wall of values, and what cannot be shown does not raise."""

import dataclasses
import pickle

import pytest

import featx
from featx import CNNFeatureTransformer, EvaluationResult
from featx.display.summary_mixin import SummaryMixin
from shown_results import evaluation


def test_what_is_half_made_or_older_is_shown_all_the_same():
    made = evaluation(["a", "b"], 2)
    empty = object.__new__(EvaluationResult)
    assert repr(empty) == "<EvaluationResult, incomplete>"
    assert empty._repr_html_() is None
    older = pickle.loads(pickle.dumps(made))
    assert repr(older) == repr(made)
    del older.candidates
    assert repr(older) == "<EvaluationResult, incomplete>"


@pytest.mark.parametrize("name", [n for n in featx.__all__ if dataclasses.is_dataclass(getattr(featx, n))])
def test_no_public_record_prints_as_a_wall(name):
    kind = getattr(featx, name)
    # What is small prints its fields: of an error, of an augmentation, of what names an embedding, of an exported file,
    # of a push or a pull.
    small = ("Failure", "Augmentation", "EmbeddingSpec", "OnnxExport", "TransferResult")
    assert issubclass(kind, SummaryMixin) or name in small
    assert issubclass(kind, SummaryMixin) is (kind.__repr__ is SummaryMixin.__repr__)


def test_estimators_keep_the_display_of_scikit_learn():
    assert "sk-estimator" in CNNFeatureTransformer()._repr_html_()
    assert repr(CNNFeatureTransformer("resnet18")) == "CNNFeatureTransformer(backbone='resnet18')"
