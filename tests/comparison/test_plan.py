"""Promised: a comparison is planned before any image is forwarded, and its runs are planned step by step."""

import contextlib

import numpy as np
import pytest

from comparisons import Network
from featx import CNNFeatureTransformer, make_strategy
from featx.comparison.plan import plan_comparison
from featx.comparison.run_files import RunFiles
from featx.comparison.runner import Runner
from featx.comparison.runs import ComparisonRuns
from featx.exceptions import ParameterError
from featx.finetuning.training_plan import Epochs
from featx.images.failures import Failure


def test_no_strategy_has_the_name_of_the_baseline(dataset):
    with pytest.raises(ParameterError, match="the name largest class for a strategy"):
        plan_comparison(dataset, {"largest class": Network()})


def test_rows_are_drawn_anew_when_copies_are_known_and_images_turn_out_unreadable(dataset, tiny, forwards):
    strategies = {"frozen": make_strategy("frozen", CNNFeatureTransformer(**tiny, cache=None))}
    plan = plan_comparison(dataset, strategies, repeats=2)
    n = len(dataset)
    assert [len(repeat.test) for repeat in plan.design.repeats] == [n // 4, n // 4]
    again = plan.with_keys([bytes([number // 2]) * 32 for number in range(n)])
    together = again.data.dataset.together
    for repeat in again.design.repeats:
        assert not set(together[repeat.test]) & set(together[repeat.trains[0]])
    left = again.data.without([Failure(0, "a", "no image")])
    assert (len(left.whole), len(again.data.whole)) == (n - 1, n)
    assert forwards.count == 0
    with pytest.raises(ParameterError, match="is no classifier"):
        plan_comparison(dataset, {"features": CNNFeatureTransformer(**tiny)})


def test_runs_are_planned_step_by_step(dataset, tiny, forwards):
    transformer = CNNFeatureTransformer(**tiny, cache=None)
    strategies = {
        "frozen": make_strategy("frozen", transformer, parameters={"C": [0.01]}),
        "finetuned": make_strategy("finetuned", transformer, parameters={"augmentation": "none"}),
    }
    plan = plan_comparison(dataset, strategies, repeats=1, transfer=transformer)
    plan = plan.with_keys(plan.read_keys())
    with contextlib.closing(Runner(plan.data.dataset)) as runner:
        named = dict(ComparisonRuns(plan, RunFiles(None), runner, False).plan(transformer))
    assert forwards.count == 0
    assert list(named) == ["stages", "frozen", "finetuned"]
    train, test = plan.design.repeats[0].trains[0], plan.design.repeats[0].test
    passes, predict, fit = named["frozen"]
    np.testing.assert_array_equal(passes.rows, train)
    np.testing.assert_array_equal(predict.rows, test)
    assert fit.sizes == [len(train)]
    np.testing.assert_array_equal(named["finetuned"][-1].rows, test)
    stages, *fits = named["stages"]
    assert [each.view for each in fits] == stages.views


def test_a_strategy_with_fewer_images_is_planned_with_these_alone(dataset, tiny):
    transformer = CNNFeatureTransformer(**tiny, cache=None)
    quick = {"augmentation": "none", "epochs": 2}
    strategies = {
        name: make_strategy("scratch", transformer, parameters=quick) for name in ("few", "all")
    }  # fmt: skip
    plan = plan_comparison(dataset, strategies, repeats=1, train_sizes=[20, 40], per_class={"few": 5})
    plan = plan.with_keys(plan.read_keys())
    with contextlib.closing(Runner(plan.data.dataset)) as runner:
        runs = list(ComparisonRuns(plan, RunFiles(None), runner, False).plan(None))
    # The few are the same at both sizes, and are trained on once.
    assert [name for name, _ in runs] == ["few", "all", "all"]
    trained = [next(step for step in steps if isinstance(step, Epochs)) for _, steps in runs]
    assert [step.n_train + step.n_validation for step in trained] == [10, 20, 40]
