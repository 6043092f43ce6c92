"""The search takes folds of all rows, or of the part that it is limited to."""

import numpy as np

from featx.evaluation.splits import inner_folds
from featx.heads.heads import head_spec
from featx.heads.parameter_search import best_parameters, folds_of_search
from featx.heads.scoring import score_values

RNG = np.random.default_rng(0)
Y = np.arange(90) % 3
X = (RNG.standard_normal((90, 5)) + Y[:, None]).astype(np.float32)


def test_folds_are_of_all_rows_or_of_the_part():
    folds = inner_folds(Y, None, 0)
    rows, found = folds_of_search(Y, folds, 90)
    assert found is folds
    assert len(rows) == 90
    rows, found = folds_of_search(Y, folds, 45)
    assert len(rows) == 45
    assert len(found) == 3
    for train, test in found:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), rows)


def test_too_few_groups_in_the_part_leave_all_rows():
    groups = np.where(Y == 2, np.arange(90) % 2, 2 + np.arange(90) % 7)
    folds = inner_folds(Y, groups, 0)
    rows, found = folds_of_search(Y, folds, 10, groups=groups)
    assert {2} <= set(Y[rows])
    assert all(set(Y[train]) == {0, 1, 2} for train, _ in found)


def test_the_best_mean_over_the_folds_wins():
    spec, folds = head_spec("ridge"), inner_folds(Y, None, 0)
    mean, best = best_parameters(spec, X, Y, folds, {}, scoring="accuracy")
    values = [{"alpha": alpha} for alpha in spec.grid["alpha"]]
    means = np.mean([score_values(spec, values, X, Y, fold, "accuracy") for fold in folds], axis=0)
    assert best == values[means.argmax()]
    assert abs(mean - means.max()) < 1e-12
