"""Promised: the result of a comparison survives JSON."""

import dataclasses
import json

import pytest

from comparisons import (
    Network,
    case_of,
    images_of,
    study_of,
    verdict_of,
)
from featx import compare_strategies


@pytest.fixture
def result():
    strategies = {"net": Network(0.1), "$5 noisy": Network(0.3)}
    found = compare_strategies(images_of([40, 40]), strategies, train_sizes=[0.2, 0.5], repeats=2)
    study = study_of("similar")
    case = case_of("similar", 16, verdict_of("use", "f"))
    return dataclasses.replace(found, stages=study, cases=[case])


def test_the_result_survives_json(result):
    assert json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict()))
    found = json.loads(result.to_json())
    assert found["sizes"][0]["strategies"][0]["accuracy"].keys() == {"value", "low", "high", "reason"}
    assert found["curves"][0]["extrapolation"]["n_images"] == 80
    assert found["cases"][0]["size"] == "small"
