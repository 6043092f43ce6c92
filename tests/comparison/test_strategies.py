"""Promised: the name of a strategy and a transformer make the classifier that they say."""

import pytest

from comparisons import Network
from featx import CNNFeatureTransformer, ParameterError, make_strategy
from featx.comparison.strategies import kind_of, trains_head_only
from featx.comparison.strategy_names import TRAINED_STRATEGIES
from featx.heads.tuned_head import TunedHead


def test_strategies_are_made_by_name(tiny):
    transformer = CNNFeatureTransformer(**tiny, random_state=3)
    frozen = make_strategy("frozen:svm", transformer)
    assert (frozen[-1].head, frozen[-1].random_state, kind_of(frozen)) == ("svm", 3, "frozen")
    assert make_strategy("frozen", transformer)[-1].head == "logistic"
    assert make_strategy("frozen:knn@features.4", transformer)[0].layer == "features.4"
    changed = make_strategy("frozen", transformer, parameters={"C": 0.1, "class_weight": "balanced", "pooling": "max"})
    assert (changed[-1].grid, changed[-1].class_weight, changed[0].pooling) == ({"C": [0.1]}, "balanced", "max")
    assert (transformer.pooling, kind_of(Network(weights=None)), kind_of(TunedHead())) == ("auto", "scratch", "other")


def test_every_strategy_is_described_where_it_is_made():
    described = make_strategy.__doc__.partition("name : {")[2].partition("}")[0]
    assert described == ", ".join(f'"{name}"' for name in ("frozen", "frozen:HEAD", *TRAINED_STRATEGIES))


def test_networks_are_made_by_name():
    transformer = CNNFeatureTransformer("resnet18", weights=None, image_size=64, cache=None, verbose=True)
    scratch = make_strategy("scratch", transformer.set_params(weights="DEFAULT"), parameters={"epochs": 3})
    chosen = scratch.get_params()
    assert (chosen["backbone"], chosen["weights"], chosen["image_size"], chosen["epochs"]) == ("resnet18", None, 64, 3)
    assert (chosen["trainable_stages"], chosen["learning_rate"], chosen["schedule"]) == ("all", 1e-3, "onecycle")
    assert (chosen["cache"], chosen["verbose"], kind_of(scratch)) == (None, False, "scratch")
    tuned = make_strategy("finetuned", transformer, parameters={"epochs": 2, "trainable_stages": 2})
    assert make_strategy("finetuned@layer3", transformer).layer == "layer3"
    assert (kind_of(tuned), tuned.weights, tuned.epochs, tuned.trainable_stages) == ("finetuned", "DEFAULT", 2, 2)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("fine-tuned", None, "Did you mean finetuned"),
        ("frozen", {"D": 1}, "head logistic has no parameter 'D'"),
        ("frozen", {"scoring": "luck"}, "got scoring='luck'"),
        ("finetuned", {"epoch": 1}, "no parameter 'epoch'.*epochs"),
    ],
)
def test_strategies_and_parameters_that_do_not_exist_are_refused(tiny, name, parameters, words):
    with pytest.raises(ParameterError, match=words):
        make_strategy(name, CNNFeatureTransformer(**tiny), parameters=parameters)


def test_a_network_of_which_only_the_head_is_trained_counts_as_frozen_for_the_rules_of_transfer(tiny):
    transformer = CNNFeatureTransformer(**tiny)
    for parameters, only in (({"trainable_stages": 0}, True), ({}, False), ({"trainable_stages": "all"}, False),
                             ({"trainable_stages": 0, "trainable_layers": 2}, False)):  # fmt: skip
        assert trains_head_only(make_strategy("finetuned", transformer, parameters=parameters)) is only
    assert not trains_head_only(make_strategy("frozen", transformer))
