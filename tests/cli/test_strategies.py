"""Promised: strategies have names and settings of their own, which are checked before an image is read."""

import click
import pytest

from featx import CNNFeatureTransformer, FeatxError, ParameterError
from featx.cli.strategies import check_networks, make_strategies, named_strategies, shared_options, studied_network

OPTIONS = {
    "backbone": ["squeezenet1_1"], "weights": "none", "layer": None, "pooling": "auto", "image_size": None,
}  # fmt: skip
STUDY = [
    "cnn.backbone=squeezenet1_1", "cnn.image_size=100", "cnn.per_class=1500", "cnn.epochs=10", "alexnet.weights=none",
    "frozen.pooling=max", "frozen.image_size=48", "frozen.C=0.1,1",
    "alexnet.backbone=alexnet", "alexnet.image_size=227", "alexnet.trainable_stages=block4,block5", "alexnet.epochs=6",
]  # fmt: skip


def transformers(*names):
    return [CNNFeatureTransformer(name, weights=None, image_size=32) for name in names]


def test_two_networks_with_settings_of_their_own_stand_side_by_side():
    chosen = named_strategies(["cnn=scratch", "alexnet=finetuned", "frozen"], STUDY)
    check_networks(chosen, OPTIONS)
    strategies, per_class = make_strategies(chosen, transformers("mnasnet0_5"))
    assert list(strategies) == ["cnn", "alexnet", "frozen"]
    assert per_class == {"cnn": 1500}
    cnn, alexnet = strategies["cnn"], strategies["alexnet"]
    assert (cnn.backbone, cnn.image_size, cnn.epochs, cnn.weights) == ("squeezenet1_1", 100, 10, None)
    assert (alexnet.backbone, alexnet.image_size, alexnet.weights) == ("alexnet", 227, None)
    assert alexnet.trainable_stages == ["block4", "block5"]
    frozen = strategies["frozen"]
    assert (frozen[0].backbone, frozen[0].pooling, frozen[0].image_size) == ("mnasnet0_5", "max", 48)
    assert frozen[1].grid == {"C": (0.1, 1)}


def test_several_backbones_multiply_only_strategies_without_one():
    chosen = named_strategies(["frozen:svm", "small=finetuned"], ["small.backbone=squeezenet1_1", "small.per_class=9"])
    strategies, per_class = make_strategies(chosen, transformers("mnasnet0_5", "alexnet"))
    assert list(strategies) == ["frozen:svm on mnasnet0_5", "frozen:svm on alexnet", "small"]
    assert per_class == {"small": 9}


def test_stages_are_compared_of_a_network_that_is_used():
    first = transformers("mnasnet0_5")
    assert studied_network(named_strategies(["frozen", "a=finetuned"], ["a.backbone=alexnet"]), first) is first[0]
    own = ["a.backbone=alexnet", "a.weights=DEFAULT", "a.image_size=227", "a.epochs=3", "b.backbone=resnet18"]
    found = studied_network(named_strategies(["b=scratch", "a=finetuned"], own), first)
    assert (found.backbone, found.weights, found.image_size) == ("alexnet", "DEFAULT", 227)
    assert studied_network(named_strategies(["b=scratch"], own[-1:]), first) is None
    small = transformers("small_cnn")
    assert studied_network(named_strategies(["scratch"], []), small) is None
    assert studied_network(named_strategies(["scratch", "a=finetuned"], own[:3]), small).backbone == "alexnet"


def test_shared_networks_are_checked_as_they_are_used():
    options = {**OPTIONS, "weights": "DEFAULT", "backbone": ["small_cnn"]}
    assert shared_options(named_strategies(["scratch"], []), options)["weights"] == "none"
    assert shared_options(named_strategies(["scratch", "frozen"], []), options) == options
    assert shared_options(named_strategies(["frozen"], ["frozen.backbone=alexnet"]), options)["backbone"] == []


@pytest.mark.parametrize(
    ("strategies", "settings", "words"),
    [
        (["alexnet=finetund"], [], "no strategy 'finetund'"),
        (["=finetuned"], [], "expected NAME=STRATEGY"),
        (["a="], [], "expected NAME=STRATEGY"),
        (["frozen=scratch"], [], "the name frozen for scratch; frozen is another strategy"),
        (["a=finetuned", "a=scratch"], [], "the name a for both finetuned and scratch"),
        (["a=finetuned"], ["finetuned.epochs=3"], "a parameter of finetuned, which is not among"),
        (["a=finetuned"], ["a.epochs=-3"], "^strategy a: got epochs=-3"),
        (["finetuned"], ["finetuned.epochs=-3"], "^got epochs=-3"),
        (["Largest Class=finetuned"], [], "the name Largest Class for a strategy; it is that of the baseline"),
        (["a=finetuned"], ["a.per_class=1"], "got a.per_class=1; expected an integer of at least 2"),
    ],
)
def test_what_is_no_strategy_or_setting_is_named(strategies, settings, words):
    with pytest.raises(ParameterError, match=words):
        named_strategies(strategies, settings)


def test_a_parameter_that_there_is_not_is_told_of_with_the_name():
    for strategy, known in (("finetuned", "the strategy finetuned"), ("frozen:svm", "the head svm")):
        with pytest.raises(ParameterError, match=f"^strategy a: {known} has no parameter 'nope'"):
            make_strategies(named_strategies([f"a={strategy}"], ["a.nope=3"]), transformers("mnasnet0_5"))


def test_a_setting_without_a_name_is_a_usage_error():
    with pytest.raises(click.BadParameter):
        named_strategies(["a=finetuned"], ["epochs=3"])


@pytest.mark.parametrize(
    ("strategy", "settings", "words"),
    [
        ("finetuned", ["a.backbone=alexnett"], "strategy a: .*'alexnett'"),
        ("frozen", ["a.backbone=resnet18", "a.layer=layer9"], "strategy a: resnet18 has no layer 'layer9'"),
        ("frozen@layer9", ["a.backbone=resnet18"], "strategy a: resnet18 has no layer 'layer9'"),
        ("finetuned", ["a.backbone=alexnet", "a.trainable_stages=fc9"], "strategy a: .*fc9"),
        ("finetuned", ["a.backbone=alexnet", "a.trainable_stages=99"], "strategy a: .*99"),
        ("scratch", ["a.backbone=vit_b_32", "a.image_size=100"], "strategy a: .*image_size=100"),
        ("frozen", ["a.pooling=average"], "strategy a: .*average"),
        ("finetuned", ["a.weights=IMAGENET1K_V9"], "strategy a: .*IMAGENET1K_V9"),
    ],
)
def test_networks_of_ones_own_are_checked_by_name(strategy, settings, words):
    with pytest.raises(FeatxError, match=words):
        check_networks(named_strategies([f"a={strategy}"], settings), OPTIONS)
