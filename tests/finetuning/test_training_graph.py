"""Promised: what asks for the training mode acts in the trained part, and nowhere else."""

import logging
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.ops import StochasticDepth

from featx import CNNFineTuneClassifier
from featx.exceptions import TrainingWarning
from trainings import cut

SIDE = 32


def some_images(size=SIDE, count=8):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def features(trunk, images, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        return trunk.features(trunk.lower(images, "float32"))


def assert_random_in_training_only(trunk, size=SIDE):
    images = some_images(size)
    trunk.part.initial_norms.clear()  # statistics that move would be a difference of their own
    before = features(trunk, images)
    assert torch.equal(before, features(trunk, images, seed=1))
    trunk.train()
    first, again, other = (features(trunk, images, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert float((first - other).abs().max()) > 1e-3 * float(first.abs().max())
    trunk.train(False)
    assert torch.equal(before, features(trunk, images, seed=1))


class Own(nn.Module):
    """Convolutions, and one thing between them that depends on the mode."""

    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Conv2d(3, 8, 3, stride=4), nn.Conv2d(8, 8, 3)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        x = self.low(x).relu()
        return self.between(self.norm(self.high(x)))

    def between(self, x):
        raise NotImplementedError


class ByFunction(Own):
    def between(self, x):
        return F.dropout(x, 0.5, self.training)


class ByChannel(Own):
    def between(self, x):
        return F.dropout2d(x, 0.5, training=self.training)


class ByMethod(Own):
    def between(self, x):
        return F.alpha_dropout(x, self.rate(), self.training)

    def rate(self):
        return 0.5 if self.training else 0.0


class ByBranch(Own):
    def between(self, x):
        if self.training:
            x = x + torch.randn_like(x)
        return x


class DropPath(nn.Module):
    """As timm has it."""

    def forward(self, x):
        if not self.training:
            return x
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        return x * x.new_empty(shape).bernoulli_(0.5).div_(0.5)


class ByPath(Own):
    def __init__(self):
        super().__init__()
        self.drop = DropPath()

    def between(self, x):
        return x + self.drop(x)


class ByDepth(Own):
    def __init__(self):
        super().__init__()
        self.drop = StochasticDepth(0.5, "row")

    def between(self, x):
        return x + self.drop(x)


class BySlope(Own):
    def __init__(self):
        super().__init__()
        self.act = nn.RReLU()

    def between(self, x):
        return self.act(x)


class ByAttention(Own):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)

    def between(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1)


class ByProduct(Own):
    def between(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        rate = 0.5 if self.training else 0.0
        return F.scaled_dot_product_attention(tokens, tokens, tokens, dropout_p=rate).mean(1)


class Untraceable(ByFunction):
    def forward(self, x):
        return super().forward(x if x.mean() < 1e6 else -x)


OWN = [ByFunction, ByChannel, ByMethod, ByBranch, ByPath, ByDepth, BySlope, ByAttention, ByProduct, Untraceable]


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("whole", [True, False])
def test_modules_of_ones_own(kind, whole):
    torch.manual_seed(0)
    stages = "all" if whole else 3 if kind is ByAttention else 2
    assert_random_in_training_only(cut(kind(), layer="output", trainable_stages=stages))


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("efficientnet_b0", "all"),
        ("efficientnet_b0", 3),
        ("convnext_tiny", 1),
        pytest.param("swin_t", "all", marks=pytest.mark.long),
        pytest.param("maxvit_t", 1, marks=pytest.mark.long),
        pytest.param("timm:vit_tiny_patch16_224", "all", marks=pytest.mark.long),
    ],
)
def test_published_networks_with_stochastic_depth(name, stages):
    if name.startswith("timm:"):
        timm = pytest.importorskip("timm")
        name = timm.create_model(name[5:], img_size=SIDE, drop_path_rate=0.5, attn_drop_rate=0.5, num_classes=0)
    trunk = cut(name, 224 if name == "maxvit_t" else SIDE, trainable_stages=stages)
    with torch.no_grad():
        for key, value in trunk.module.named_parameters():
            if key.endswith("layer_scale"):  # of 1e-6, which hides what it scales
                value.fill_(1.0)
    assert_random_in_training_only(trunk, 224 if name == "maxvit_t" else SIDE)


def test_without_anything_that_asks_both_modes_share_one_graph():
    trunk = cut("squeezenet1_1", trainable_stages=2)
    upper = trunk.upper
    trunk.train()
    assert trunk.upper is upper


class Below(nn.Module):
    """Random in training below and above the boundary, by one module that is called twice and by function."""

    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Conv2d(3, 8, 3, stride=4), nn.Conv2d(8, 8, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = F.dropout(self.drop(self.low(x)), 0.5, self.training)
        return self.drop(F.dropout(self.high(x), 0.5, self.training))


def test_the_frozen_part_stays_in_evaluation():
    trunk, images = cut(Below(), layer="output", trainable_stages=["high"]), some_images()
    trunk.train()
    # In training from the first call on, as without a boundary cache.
    first = trunk.lower(images, "float32")
    assert torch.equal(first, trunk.lower(images, "float32"))
    assert not torch.allclose(trunk.upper(first), trunk.upper(first))
    trunk.train(False)
    assert torch.equal(first, trunk.lower(images, "float32"))
    torch.testing.assert_close(trunk.upper(first), trunk.module(images))


def test_a_frozen_stage_between_trained_ones_stays_in_evaluation():
    trunk = cut("efficientnet_b0", trainable_stages=["features.3", "features.5"])
    trunk.train()
    modes = {path: part.training for path, part in trunk.module.named_modules()}
    assert modes["features.3.1.stochastic_depth"]
    assert modes["features.5.1.stochastic_depth"]
    assert not modes["features.4.1.stochastic_depth"]
    assert not modes["features.4"]


class Drawing(Own):
    """Draws in Python, which a graph would keep as it was drawn once."""

    def between(self, x):
        return -x if self.training and random.random() < 0.5 else x


class Drawn(Own):
    def between(self, x):
        return x * torch.rand(1, 8, 1, 1) if self.training else x


def test_a_module_that_is_not_understood_is_trained_as_a_whole():
    trunk, images = (
        cut(nn.Sequential(Drawing(), nn.Conv2d(8, 4, 1)), layer="output", trainable_stages="all"),
        some_images(),
    )
    trunk.train()
    random.seed(0)
    drawn = [features(trunk, images) for _ in range(20)]
    assert not all(torch.equal(each, drawn[0]) for each in drawn)


def test_what_cannot_act_is_said_by_name(caplog):
    module, images = nn.Sequential(Drawn(), nn.Conv2d(8, 4, 1)), some_images()
    trunk = cut(module, layer="output", trainable_stages="all")
    before = random.getstate(), torch.get_rng_state()
    with caplog.at_level(logging.WARNING, "featx"):
        trunk.train()
        trunk.train(False)
        trunk.train()
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    (said,) = [text for text in map(logging.LogRecord.getMessage, caplog.records) if "does not act" in text]
    assert "does not act in 0. Use modules of torch.nn" in said
    assert torch.equal(features(trunk, images), features(trunk, images, seed=1))


class Auxiliary(nn.Module):
    """Returns a second output in training, as GoogLeNet does; cannot be traced."""

    def __init__(self):
        super().__init__()
        self.body, self.side = nn.Conv2d(3, 8, 3, stride=4), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = self.body(x if x.mean() < 1e6 else -x)
        return (x, self.side(x)) if self.training else x


def test_a_second_output_in_training_is_done_without(caplog):
    trunk, images = cut(Auxiliary(), layer="output", trainable_stages="all"), some_images()
    before = features(trunk, images)
    with caplog.at_level(logging.WARNING, "featx"):
        trunk.train()
        assert torch.equal(before, features(trunk, images))
        trunk.train()
        assert torch.equal(before, features(trunk, images))
    assert len(caplog.records) == 1
    assert "returns tuple in training" in caplog.text


@pytest.mark.parametrize("name", ["googlenet", pytest.param("inception_v3", marks=pytest.mark.long)])
def test_networks_with_auxiliary_heads_are_the_same_in_training(name):
    size = 75 if name == "inception_v3" else SIDE
    trunk, images = cut(name, size, layer="output", trainable_stages="all"), some_images(size)
    before = features(trunk, images)
    trunk.part.initial_norms.clear()
    trunk.train()
    for part in trunk.module.modules():
        part.training = part.training and not isinstance(part, nn.Dropout)
    torch.testing.assert_close(features(trunk, images), before)


def test_training_with_dropout_by_function_differs_from_one_without():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 255, (16, SIDE, SIDE, 3)).astype(np.uint8), np.arange(16) % 2

    def losses(module):
        options = {"trainable_stages": "all", "cache": None, "augmentation": "none", "early_stopping": False}
        fitted = CNNFineTuneClassifier(module, image_size=SIDE, layer="output", epochs=2, **options).fit(X, y)
        assert np.array_equal(fitted.predict_proba(X), fitted.predict_proba(X))
        return fitted.history_["loss"]

    def module(kind):
        torch.manual_seed(0)
        return kind()

    class Without(Own):
        def between(self, x):
            return x

    assert losses(module(ByFunction)) == losses(module(ByFunction)) != losses(module(Without))


def test_a_norm_that_needs_the_batch_is_told_of():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU())
    with pytest.warns(TrainingWarning, match=r"1 of .*Sequential has no running statistics.*track_running_stats=True"):
        cut(module, layer="output", trainable_stages="all").part.warn("torch.nn.Sequential")
