"""Promised: before a comparison runs, it says how many images of each size train, validate and test."""

import dataclasses

import numpy as np

from comparisons import Network, images_of
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, compare_strategies, make_strategy
from featx.comparison.part_counts import count_parts
from featx.comparison.plan import plan_comparison
from featx.forecast.compare import forecast_comparison


def counts(strategies, data=None, **options):
    return count_parts(plan_comparison(data or images_of([100, 60]), strategies, **options))


def test_networks_that_hold_out_the_same_share_have_a_validation_part(tiny):
    transformer = CNNFeatureTransformer(**tiny)
    frozen = make_strategy("frozen", transformer)
    network = CNNFineTuneClassifier(**tiny)
    options = {"train_sizes": [0.25, 0.5]}
    (small, large) = counts({"frozen": frozen, "network": network}, **options)
    assert (small.pool, small.validation, small.test, small.n_images) == (40, 6, 40, 160)
    assert (large.train, large.validation) == (68, 12)
    assert large.percent == {"train": 42.5, "validation": 7.5, "test": 25.0}
    assert [part.validation for part in counts({"frozen": frozen, "other": Network()}, **options)] == [None, None]
    other = CNNFineTuneClassifier(**tiny, validation_fraction=0.3)
    assert counts({"a": network, "b": other})[0].validation is None
    last = CNNFineTuneClassifier(**tiny, early_stopping=False)
    assert counts({"a": last})[0].validation == 0


def test_the_validation_part_is_that_of_the_fit(tiny):
    data = dataclasses.replace(images_of([60, 60]), groups=np.repeat(range(16), range(16)))
    network = CNNFineTuneClassifier(**tiny, random_state=0)
    (part,) = counts({"network": network}, data, sizes={"all": (50, 25, 25)})
    plan = plan_comparison(data, {"network": network}, sizes={"all": (50, 25, 25)})
    some = data.take(plan.design.repeats[0].trains[0])
    finetuning = plan.estimator("network", 0).prepare(some.images, some.labels, some.groups)
    assert len(finetuning.split()[1]) == part.validation
    assert part.train + part.validation + part.test == 120


def test_comparison_and_forecast_call_back_before_anything_is_computed(tiny, calls, forwards):
    seen = []
    data, network = images_of([40, 40]), {"net": Network()}
    compare_strategies(data, network, repeats=1, on_plan=lambda parts: seen.append((parts, list(calls.calls))))
    frozen = {"frozen": make_strategy("frozen", CNNFeatureTransformer(**tiny))}
    forecast_comparison(data, frozen, repeats=1, on_plan=lambda parts: seen.append((parts, forwards.count)))
    assert [(parts[0].train, parts[0].test, before) for parts, before in seen] == [(60, 20, []), (60, 20, 0)]
