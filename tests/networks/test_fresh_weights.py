"""Promised: weights=None beside a module draws its parameters anew, by the seed, and leaves the module as it is."""

import numpy as np
import pytest
import torch
from torch import nn

from comparisons import images_of
from featx import BackboneError, CNNFeatureTransformer, CNNFineTuneClassifier, compare_strategies, make_strategy
from featx.comparison.strategies import kind_of
from featx.networks.resolve import resolve_backbone


class Net(nn.Module):
    """Two convolutions and the layer of classes; what it was built with is of no importance."""

    def __init__(self, value=None):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3))
        self.pool, self.top = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 10)
        if value is not None:
            for parameter in self.parameters():
                nn.init.constant_(parameter, value)
            self.body[1].running_mean.fill_(value)

    def forward(self, x):
        return self.top(self.pool(self.body(x)).flatten(1))


class Scaled(Net):
    """It has parameters that no layer initialises, unless `reset` says how."""

    def __init__(self):
        super().__init__(1.0)
        self.scale = nn.Parameter(torch.full((3, 1, 1), 5.0))

    def forward(self, x):
        return super().forward(x * self.scale)


class Resetting(Scaled):
    def reset_parameters(self):
        nn.init.ones_(self.scale)


def drawn(module, seed=0):
    return resolve_backbone(module, weights=None, random_state=seed, image_size=32).build().state_dict()


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_weights_depend_on_the_seed_and_not_on_the_tensors_of_the_module():
    module = Net(0.5)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    generator = torch.get_rng_state()
    first = drawn(module)
    assert torch.equal(generator, torch.get_rng_state())
    assert same(first, drawn(Net()))
    assert same(first, drawn(module, seed=0))
    assert not same(first, drawn(module, seed=1))
    assert not torch.equal(first["top.weight"], before["top.weight"])
    assert not first["body.1.running_mean"].any()
    assert same(before, module.state_dict())


def test_they_are_identified_by_what_was_drawn():
    digests = [resolve_backbone(net, weights=None, random_state=seed, image_size=32).weights_digest
               for net, seed in ((Net(0.5), 0), (Net(0.1), 0), (Net(0.5), 1))]  # fmt: skip
    assert digests[0] == digests[1] != digests[2]
    assert resolve_backbone(Net(0.5), image_size=32).weights_digest not in digests


def test_parameters_that_no_layer_sets_are_named_with_the_next_step():
    with pytest.raises(BackboneError, match="a Scaled, whose parameters scale are not initialised") as caught:
        drawn(Scaled())
    assert "Give Scaled a method reset_parameters" in caught.value.next_step
    assert drawn(Resetting())["scale"].flatten().tolist() == [1.0, 1.0, 1.0]
    attention = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(2))
    attention.extra = nn.MultiheadAttention(8, 2)  # it names the method otherwise
    from featx.networks.fresh_weights import with_fresh_weights

    fresh = with_fresh_weights(attention, digest="attention", random_state=0)
    assert all(parameter.isfinite().all() for parameter in fresh.parameters())


def test_a_module_is_trained_from_scratch_with_new_weights_in_each_repeat():
    data, module = images_of([20, 20, 20]), Net(0.0)
    options = {"image_size": 32, "device": "cpu", "cache": None}
    quick = {"epochs": 2, "augmentation": "none", "early_stopping": False}
    strategy = make_strategy("scratch", CNNFeatureTransformer(module, **options), parameters=quick)
    assert kind_of(strategy) == "scratch"
    result = compare_strategies(data, {"own": strategy}, repeats=2)
    (found,) = result.sizes[0].strategies
    assert found.kind == "scratch"
    assert found.histories[0]["loss"] != found.histories[1]["loss"]
    assert found.traits.learning_rate == 1e-3
    # A network of zeros would not learn at all.
    assert found.histories[0]["loss"][1] < found.histories[0]["loss"][0]
    assert not any(parameter.any() for parameter in module.parameters())

    def fitted(seed):
        model = CNNFineTuneClassifier(
            module, weights=None, trainable_stages="all", random_state=seed, **options, **{**quick, "epochs": 1}
        )
        return model.fit(data.images[:24], data.labels[:24]).predict_proba(data.images[:4])

    assert np.array_equal(fitted(0), fitted(0))
    assert not np.array_equal(fitted(0), fitted(1))


def test_random_features_of_a_module_are_those_of_the_seed():
    images = images_of([4, 4]).images

    def features(seed):
        frozen = CNNFeatureTransformer(Net(0.5), weights=None, image_size=32, random_state=seed, cache=None)
        return frozen.fit_transform(images)

    assert np.array_equal(features(0), features(0))
    assert not np.array_equal(features(0), features(1))
