"""Promised: `random_state` is as in scikit-learn where a seed may be drawn, and an integer where it is a name."""

import numpy as np
import pytest

from featx import CNNFeatureTransformer, ParameterError, evaluate_heads, make_head
from featx.networks.resolve import resolve_backbone
from featx.runtime.seeds import drawn_seed

RNG = np.random.default_rng(0)
Y = np.arange(24) % 2
ROWS = (RNG.standard_normal((24, 3)) + Y[:, None]).astype(np.float32)
QUICK = {"grids": {"logistic": {"C": [0.1]}}, "cv": 3}


def figures(random_state):
    result, _ = evaluate_heads({("head", "avg"): ROWS}, Y, random_state=random_state, **QUICK)
    return result.metrics["log_loss"].value


def test_seeds_are_drawn_as_scikit_learn_draws_them():
    assert drawn_seed(np.int64(7)) == 7
    state = np.random.RandomState(5)
    first = np.random.RandomState(5).randint(2**31 - 1)
    assert drawn_seed(state) == first
    assert drawn_seed(state) != first
    kept = np.random.get_state()
    try:
        np.random.seed(5)
        assert drawn_seed(None) == first
    finally:
        np.random.set_state(kept)


def test_a_drawn_seed_gives_the_figures_of_the_same_integer():
    first = np.random.RandomState(5).randint(2**31 - 1)
    assert figures(np.random.RandomState(5)) == figures(first) != figures(first + 1)
    head = make_head("mlp", grid={"alpha": [1.0]}, random_state=np.random.RandomState(5)).fit(ROWS, Y)
    assert head.head_[-1].random_state == first
    assert make_head("knn", random_state=None).fit(ROWS, Y).predict(ROWS).shape == (24,)


@pytest.mark.parametrize("value", ["x", -1, True, RNG], ids=["text", "negative", "flag", "Generator"])
def test_what_is_no_seed_is_refused_with_what_to_pass(value):
    with pytest.raises(ParameterError, match=r"a numpy.random.RandomState or None. Pass a seed: random_state=0"):
        drawn_seed(value)


@pytest.mark.parametrize("value", [None, np.random.RandomState(0)], ids=["None", "RandomState"])
def test_random_weights_need_an_integer_and_others_none(value):
    for refused in (lambda: resolve_backbone(weights=None, random_state=value),
                    CNNFeatureTransformer(weights=None, random_state=value).source):  # fmt: skip
        with pytest.raises(ParameterError, match=r"expected an integer\. Random weights .* pass random_state=0"):
            refused()
    named = resolve_backbone(random_state=value)
    assert named == CNNFeatureTransformer(random_state=value).source() == resolve_backbone()
