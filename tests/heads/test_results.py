"""Promised: the result of an evaluation is plain data that survives JSON."""

import json

import numpy as np
import pytest

from featx import CandidateResult, EvaluationResult, evaluate_heads
from featx.display.json_values import as_json
from featx.evaluation.held_out_result import HeldOutResult


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = 2.0 * rng.normal(size=(3, 6))[y] + rng.normal(size=(60, 6))
    return evaluate_heads({("last", "avg"): X}, y, heads=["ridge", "knn"], cv=3)[0]


def test_the_result_survives_json(result):
    plain = as_json(result)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["metrics"]["debiased_calibration_error"]["low"] is None
    assert any("calibration error" in note for note in plain["notes"])


def test_a_result_of_heads_has_all_that_a_result_on_held_out_images_has(result):
    assert isinstance(result, EvaluationResult)
    assert isinstance(result, HeldOutResult)
    assert {candidate.head for candidate in result.candidates} == {"ridge", "knn"}
    assert all(isinstance(candidate, CandidateResult) for candidate in result.candidates)
    assert {**vars(result)}.keys() >= {"classes", "metrics", "per_class", "confusion_matrix", "baseline", "notes"}
