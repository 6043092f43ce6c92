"""Promised: a strategy with at most so many images a class trains on a stratified, nested part of the same rows."""

import numpy as np
import pytest

from comparisons import Network, fits, images_of
from featx import ParameterError, compare_strategies
from featx.comparison.per_class import check_per_class, limit_per_class

Y = np.repeat([0, 1, 2], [60, 30, 6])
SIZES = [np.arange(0, 96, 4), np.arange(0, 96, 2), np.arange(96)]


def test_rows_are_nested_in_numbers_and_sizes_and_never_more_than_asked_for():
    few, more = (limit_per_class(Y, SIZES, number, random_state=3) for number in (5, 12))
    for limited, number in ((few, 5), (more, 12)):
        for rows, size in zip(limited, SIZES, strict=True):
            assert set(rows) <= set(size)
            assert np.bincount(Y[rows]).tolist() == np.minimum(np.bincount(Y[size]), number).tolist()
            assert rows.tolist() == sorted(rows)
        assert set(limited[0]) <= set(limited[1]) <= set(limited[2])
    assert set(few[0]) <= set(more[0])
    # Where a size has enough of every class, larger sizes have the same ones.
    plenty = limit_per_class(Y, SIZES, 1, random_state=3)
    assert plenty[0].tolist() == plenty[1].tolist() == plenty[2].tolist()
    assert limit_per_class(Y, SIZES, 5, random_state=4)[0].tolist() != few[0].tolist()


def test_copies_count_once_and_are_taken_together():
    together = np.arange(96) // 2
    (rows,) = limit_per_class(Y, SIZES[2:], 3, together=together, random_state=0)
    assert np.bincount(Y[rows]).tolist() == [6, 6, 6]
    assert all(row ^ 1 in set(rows) for row in rows)


@pytest.mark.parametrize("value", [{"net": 1}, {"net": 2.5}, {"net": True}, 5, {"net": None}, {}])
def test_what_is_no_number_of_images_is_refused(value):
    with pytest.raises(ParameterError, match="got per_class="):
        check_per_class(value, ["net"])


def test_a_name_that_is_not_compared_is_refused_before_anything_is_fitted(calls):
    with pytest.raises(ParameterError, match="per_class of nett, which is not among the strategies") as caught:
        compare_strategies(images_of([40, 40]), {"net": Network()}, per_class={"nett": 5})
    assert "Did you mean net" in caught.value.next_step
    assert not calls.calls


def test_a_limited_strategy_is_tested_on_the_same_rows_and_named_with_its_images(dataset, calls):
    strategies = {"few": Network(0.1), "all": Network(0.2)}
    result = compare_strategies(dataset, strategies, train_sizes=[0.2, 0.5], repeats=1, per_class={"few": 6})
    rows = {}
    for kind, noise, _, numbers in calls.calls:
        rows.setdefault((kind, noise), []).append(numbers)
    assert [len(numbers) for numbers in rows["fit", 0.1]] == [12]  # of both sizes: the same images
    assert [len(numbers) for numbers in rows["fit", 0.2]] == [16, 40]
    assert set(rows["fit", 0.1][0]) < set(rows["fit", 0.2][0])
    assert rows["predict", 0.1][0] == rows["predict", 0.2][0]
    for size in result.sizes:
        found = {each.strategy: each for each in size.strategies}
        assert (found["few"].n_train, found["few"].per_class) == (12, 6)
        assert found["all"].n_train == size.n_train
    curves = {curve.strategy: curve for curve in result.curves}
    assert (curves["few"].sizes, curves["few"].extrapolation) == ([12, 12], None)
    assert curves["all"].extrapolation is not None
    assert "few was trained on at most 6 images of each class: 12 of the 40 at the largest size" in result.notes
    assert [part.limited for part in result.counts] == [{"few": 12}, {"few": 12}]


def test_finished_runs_are_found_by_the_number(dataset, tmp_path):
    def found(**options):
        options = {"repeats": 1, "train_sizes": [0.5], "folder": tmp_path, **options}
        return compare_strategies(dataset, {"net": Network()}, **options).runs_found

    assert found(per_class={"net": 6}) == 0
    assert found(per_class={"net": 7}) == 0
    assert found() == 0
    assert found(per_class={"net": 6}) == found(per_class={"net": 7}) == found() == 1
    # More images a class than there are change nothing.
    assert found(per_class={"net": 500}) == 1
    assert len(fits(Network)) == 3
