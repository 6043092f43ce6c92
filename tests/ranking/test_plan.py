"""Promised: the plan says which images go through which network, those that measure its speed included."""

import numpy as np
import pytest

from featx import CNNFeatureTransformer, DatasetError, ImageDataset
from featx.ranking.plan import REPEATS, plan_ranking
from featx.ranking.speed import TIMED_PASSES
from rankings import digits


@pytest.fixture
def transformer(tiny):
    return CNNFeatureTransformer(**tiny, cache=None)


def test_at_most_so_many_images_go_through_each_network(transformer, remarks):
    layers = ["features.5", "features.12"]
    plan = plan_ranking(digits(300), transformer, layers=layers, poolings=["avg", "max"], images=200, cv=2)
    ((timed, n_timed),) = plan.timing
    assert n_timed == 2 * TIMED_PASSES
    assert len(timed.views) == 4
    assert n_timed + len(plan.passes[0].rows) == 200
    assert [len(rows) for rows in plan.rounds] == [68, 136]
    assert len(plan.head_fits) == 4
    assert plan.head_fits[0].sizes == [34] * 2 * REPEATS + [68] * 2 * REPEATS


def test_the_images_are_the_same_for_the_same_seed(transformer):
    one, same, other = (plan_ranking(digits(200), transformer, images=100, random_state=s) for s in (0, 0, 1))
    assert np.array_equal(one.rounds[-1], same.rounds[-1])
    assert not np.array_equal(one.rounds[-1], other.rounds[-1])


def test_copies_are_drawn_together(transformer):
    plan = plan_ranking(digits(80), transformer, images=72, cv=2)
    keys = [bytes([row // 2]) * 32 for row in range(80)]
    # The classes alternate, but for some, which the labels of the pairs show.
    rows = plan.with_keys(keys).rounds[-1]
    assert set(rows) == {row ^ 1 for row in rows}


def test_the_part_that_judges_later_is_left_aside(transformer, remarks):
    split = np.repeat(["training", "validation", "test"], [40, 10, 10])
    assert len(plan_ranking(digits(60, split=split), transformer, cv=2).data.dataset) == 50
    assert len(plan_ranking(digits(50, split=split[:50]), transformer, cv=2).data.dataset) == 40
    with pytest.raises(DatasetError, match="nothing but a test part"):
        plan_ranking(digits(10, split=split[50:]), transformer, cv=2)


def test_from_5000_images_on_a_ranking_costs_a_tenth_of_all_passes_at_most(transformer):
    images = [np.zeros((4, 4), np.uint8)] * 5000
    data = ImageDataset(images, [f"{row}" for row in range(5000)], (np.arange(5000) % 10).astype(str))
    plan = plan_ranking(data, transformer, layers=["features.5", "features.12"])
    planned = sum(len(passes.rows) + n for passes, (_, n) in zip(plan.passes, plan.timing, strict=True))
    assert planned <= 0.1 * len(data) * len(plan.networks)
