"""Promised: only the named stages are trained; one seed is one model, and one identity is one result."""

import numpy as np
import pytest
import torch
from torch import nn

from featx.exceptions import BackboneError, ParameterError
from featx.finetuning.fit import FineTuning
from trainings import COUNT, NORMALISED, assert_same_training, classifier, coloured, is_same, untouched


def test_a_head_alone_is_trained_without_the_network(data, forwards):
    fitted = classifier(trainable_stages=0, epochs=4, head_init="random", head_learning_rate=1e-2).fit(*data)
    assert fitted.state_ == {}
    assert fitted.trained_stages_ == []
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    assert forwards.since() == COUNT
    assert fitted.predict(data[0]).shape == (COUNT,)
    assert forwards.since() == 0


def test_a_stack_of_dense_layers_is_trained_on_the_features_of_the_frozen_network(data, forwards):
    options = {"head_init": "warmup", "hidden_units": (16, 8), "dropout": 0.5, "warmup_epochs": 5}
    fitted = classifier(trainable_stages=0, **options, epochs=3).fit(*data)
    assert fitted.state_ == {}
    assert forwards.since() == COUNT
    assert fitted.head_["hidden2.weight"].shape == (8, 16)
    assert fitted.history_["epoch"] == [1, 2, 3]


@pytest.mark.parametrize("options", [{"batch_norm": "frozen"}, {"batch_norm": "update"}], ids=str)
def test_only_the_named_stages_change(data, options, settled):
    network = {**NORMALISED, "weights": settled("small_cnn")}
    options = {**network, **options, "trainable_stages": ["block4", "block5"], "early_stopping": False}
    fitted = classifier(**options).fit(*data)
    assert fitted.trained_stages_ == ["block4", "block5"]
    assert {name.partition(".")[0] for name in fitted.state_} == {"block4", "block5"}
    before = untouched(**network)
    after = {name: value.numpy() for name, value in fitted.network().build().state_dict().items()}
    for name, value in before.items():
        if name not in fitted.state_:
            assert value.tobytes() == after[name].tobytes()
    changed = {name for name in fitted.state_ if not np.array_equal(before[name], fitted.state_[name])}
    statistics = {name for name in fitted.state_ if "running" in name or "num_batches" in name}
    assert statistics
    assert changed - statistics == set(fitted.state_) - statistics
    assert changed & statistics == (statistics if options["batch_norm"] == "update" else set())


def test_training_from_scratch_estimates_statistics_whatever_batch_norm_says(data):
    options = {**NORMALISED, "trainable_stages": "all", "head_init": "random", "early_stopping": False, "epochs": 1}
    fitted = classifier(**options).fit(*data)
    assert any("running_mean" in name and value.any() for name, value in fitted.state_.items())
    assert not any(name.startswith("classifier.") for name in fitted.state_)


def test_the_last_layers_are_trained_in_place_of_stages(data, remarks):
    fitted = classifier(trainable_layers=4, trainable_stages=5).fit(*data)
    assert fitted.trained_stages_ == [
        f"features.12.{name}" for name in ("expand1x1", "expand1x1_activation", "expand3x3", "expand3x3_activation")
    ]
    said = "trainable_layers=4 trains features.12.expand1x1 to features.12.expand3x3_activation of squeezenet1_1"
    assert said in remarks()
    assert {name.rpartition(".")[0] for name in fitted.state_} == {"features.12.expand1x1", "features.12.expand3x3"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trainable_stages": 99}, "got trainable_stages=99; .*there are 9"),
        ({"trainable_layers": 999}, "got trainable_layers=999; .*layers up to"),
        ({"trainable_stages": ["features.13"]}, "no stage 'features.13'. Did you mean"),
    ],
)
def test_more_than_there_is_cannot_be_trained(data, options, message, forwards):
    with pytest.raises(ParameterError, match=message):
        classifier(**options).fit(*data)
    assert forwards.since() == 0


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 6, 3)

    def forward(self, x):
        x = self.low(x).relu()
        return self.high(x if x.mean() < 1e6 else -x).relu().mean((2, 3))


def test_a_module_that_cannot_be_traced_is_trained_too(data):
    torch.manual_seed(0)
    module = Untraceable()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    options = {"weights": "DEFAULT", "early_stopping": False, "learning_rate": 1e-2, "epochs": 4}
    fitted = classifier(backbone=module, **options).fit(*data)
    assert set(fitted.state_) == {"high.weight", "high.bias"}
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    assert fitted.score(*data) > 0.9
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    "options",
    [
        {"augmentation": "light", "augment_draws": 2, "dropout": 0.3, "hidden_units": 4},
        {"head_init": "random", "boundary_cache_bytes": 0, "augmentation": "light"},
        {**NORMALISED, "batch_norm": "update", "trainable_stages": 2},
        {"head_init": "logistic"},
        {**NORMALISED, "trainable_stages": "all", "head_init": "auto", "augmentation": "light", "dropout": 0.2},
    ],
    ids=["warmup", "random", "update", "logistic", "scratch"],
)
def test_a_seed_gives_the_same_model_bit_for_bit_and_another_one_another(data, options, settled):
    if options.get("batch_norm"):
        options = {**options, "weights": settled(options["backbone"])}
    first = classifier(**options).fit(*data)
    np.random.rand(3), torch.rand(3)
    assert_same_training(first, classifier(**options).fit(*data))
    other = classifier(**options, random_state=1).fit(*data)
    assert not is_same(first.head_, other.head_)
    assert first.history_["loss"] != other.history_["loss"]


def test_global_generators_are_left_alone(data):
    np.random.seed(5)
    torch.manual_seed(5)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    classifier(dropout=0.5, augmentation="light").fit(*data).predict(data[0])
    classifier(head_init="random", boundary_cache_bytes=0).fit(*data)
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_an_image_size_that_the_network_does_not_take_is_named(data):
    for head_init in ("warmup", "random"):
        with pytest.raises(BackboneError, match="fails on images of 12 x 12 pixels"):
            classifier(image_size=12, head_init=head_init).fit(*data)


def identity(*, keys=b"images", **options):
    _, y = coloured()
    training = FineTuning(classifier(cache=None, **options), [None] * len(y), np.unique(y), y, None)
    _, validation = training.split()
    return training.identity(validation, keys)


@pytest.fixture(scope="module")
def known():
    return identity()


@pytest.mark.parametrize("options", [{"n_jobs": 1}, {"verbose": True}, {"device": "cpu"}, {"test_draws": 2}], ids=str)
def test_what_does_not_change_the_trained_network_does_not_count(options, known):
    assert identity(**options) == known


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"keys": b"others"}, ["images and labels"]),
        ({"dropout": 0.25}, ["head"]),
        ({"warmup_epochs": 3}, ["warmup_epochs"]),
        ({"head_init": "random", "warmup_epochs": 3}, ["head", "warmup_epochs"]),
        ({"random_state": 1}, ["seed", "validation part", "weights"]),
    ],
    ids=str,
)
def test_what_changes_it_is_named(options, names, known):
    other = identity(**options)
    assert sorted(name for name in known if other[name] != known[name]) == names
