"""Promised: what begins at random is trained like it, however it is spelt, and evaluated with statistics of its own."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFineTuneClassifier
from featx.exceptions import ParameterError, TrainingWarning
from featx.finetuning.fit import FineTuning
from featx.finetuning.trunk import Trunk
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone
from featx.torch_modules.running_statistics import has_initial_statistics

SIDE = 32


def coloured(count=48, seed=0, contrast=60):
    """Return noisy images of three colours, half of them of the first."""
    rng = np.random.default_rng(seed)
    y = np.array([0, 1, 0, 2])[np.arange(count) % 4]
    X = rng.integers(0, 120, (count, 24, 24, 3))
    X[np.arange(count), :, :, y] += contrast
    return X.astype(np.uint8), y


@pytest.fixture(scope="module")
def data():
    return coloured()


def classifier(backbone, **options):
    shared = {"image_size": SIDE, "augmentation": "none", "cache": None, "epochs": 1, "early_stopping": False}
    return CNNFineTuneClassifier(backbone, **{**shared, **options})


def block(inputs, outputs, norm):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), norm, nn.ReLU())


class Net(nn.Module):
    def __init__(self, first=None, second=None):
        super().__init__()
        self.low = block(3, 8, first or nn.BatchNorm2d(8))
        self.high = block(8, 8, second or nn.BatchNorm2d(8))
        self.pool, self.top = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 10)

    def forward(self, x):
        return self.top(self.pool(self.high(self.low(x))).flatten(1))


def net(*norms, seed=0):
    torch.manual_seed(seed)
    return Net(*norms)


class OwnNorm(nn.Module):
    """One of one's own, in one operation."""

    def __init__(self):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(8))
        self.register_buffer("running_var", torch.ones(8))

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, training=self.training)


def real(norm):
    """Return the norm with statistics of images, as a conversion leaves it: without a count of batches."""
    with torch.no_grad():
        norm.running_mean += 0.25
        norm.running_var *= 0.5
    return norm


def moved(fitted, module, name):
    before = dict(module.state_dict())[f"{name}.running_var"].numpy()
    return not np.array_equal(before, fitted.state_[f"{name}.running_var"])


NORMS = {
    "batch": lambda: nn.BatchNorm2d(8),
    "without weights": lambda: nn.BatchNorm2d(8, affine=False),
    "cumulative": lambda: nn.BatchNorm2d(8, momentum=None),
    "synchronised": lambda: nn.SyncBatchNorm(8),
    "instance": lambda: nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
    "instance without weights": lambda: nn.InstanceNorm2d(8, track_running_stats=True),
    "own": OwnNorm,
}


@pytest.mark.parametrize("kind", NORMS)
def test_initial_statistics_are_estimated_and_real_ones_kept(data, kind):
    norm = NORMS[kind]
    module = net(norm(), real(norm()))
    assert [has_initial_statistics(module.low[1]), has_initial_statistics(module.high[1])] == [True, False]
    options = {"trainable_stages": "all", "head_init": "random", "learning_rate": 1e-2}
    fitted = classifier(module, **options).fit(*data)
    assert [moved(fitted, module, name) for name in ("low.1", "high.1")] == [True, False]
    fitted = classifier(module, batch_norm="update", **options).fit(*data)
    assert [moved(fitted, module, name) for name in ("low.1", "high.1")] == [True, True]


@pytest.mark.long
def test_a_module_of_timm_estimates_its_own(data):
    timm = pytest.importorskip("timm")
    from timm.layers import BatchNormAct2d

    torch.manual_seed(0)
    module = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    names = [name for name, part in module.named_modules() if isinstance(part, BatchNormAct2d)]
    fitted = classifier(module, trainable_stages="all", image_size=SIDE).fit(*data)
    assert len(names) == 49
    assert all(moved(fitted, module, name) for name in names)


# The rate that "auto" stands for depends on the stages too.
WHOLE = {"weights": None, "trainable_stages": "all", "batch_size": 12}


@pytest.fixture(scope="module")
def few():
    return coloured(24)


@pytest.fixture(scope="module")
def whole(few):
    """A training of all of a network."""
    return classifier("resnet18", **WHOLE).fit(*few)


@pytest.mark.parametrize("spelling", ["module", "file", "number", "names", "layers"])
def test_every_spelling_of_all_is_the_same_training(few, whole, tmp_path, spelling):
    options = dict(WHOLE)
    source = resolve_backbone("resnet18", weights=None)
    network, path = "resnet18", tmp_path / "initial.pth"
    if spelling == "module":
        network, options["weights"] = source.build(), "DEFAULT"
    elif spelling == "file":
        torch.save(source.build().state_dict(), path)
        options["weights"] = str(path)
    elif spelling == "number":
        options["trainable_stages"] = 5
    elif spelling == "names":
        options["trainable_stages"] = ["stem", "layer1", "layer2", "layer3", "layer4"]
    else:
        options["trainable_layers"] = 58
    fitted = classifier(network, **options).fit(*few)
    assert fitted.history_["loss"] == whole.history_["loss"]
    assert fitted.history_["learning_rate"] == [1e-3]
    assert all(np.array_equal(fitted.state_[name], value) for name, value in whole.state_.items())


def test_the_statistics_are_those_of_the_training_images_and_the_last_weights(data):
    X, y = data
    module = net()
    fitted = classifier(module, trainable_stages="all", learning_rate=1e-2, epochs=2, batch_size=len(X)).fit(X, y)
    trained = fitted.network().build().eval()
    preprocessing = fitted.source().preprocessing
    images = preprocessing.normalise(torch.stack([preprocessing.apply(image) for image in X]))
    with torch.no_grad():
        low = trained.low[0](images)
        high = trained.high[0](nn.functional.relu(nn.functional.batch_norm(
            low, None, None, trained.low[1].weight, trained.low[1].bias, training=True)))  # fmt: skip
    for values, norm in ((low, trained.low[1]), (high, trained.high[1])):
        torch.testing.assert_close(norm.running_mean, values.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var, values.var((0, 2, 3)), rtol=1e-4, atol=1e-5)


class Deep(nn.Sequential):
    """So many normalisations that what each is off by adds up."""

    def __init__(self):
        super().__init__(*(block(3 if i == 0 else 8, 8, nn.BatchNorm2d(8)) for i in range(3)),
                         *(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
                           for _ in range(17)))  # fmt: skip


def test_a_deep_network_is_judged_by_what_it_has_learnt_from_the_first_epochs_on(data):
    torch.manual_seed(0)
    options = {"layer": "output", "trainable_stages": "all", "early_stopping": True, "validation_fraction": 0.33}
    fitted = classifier(Deep(), **options, epochs=6, batch_size=8, learning_rate=1e-2).fit(*data)
    history = fitted.history_
    # With running averages it is one class for all of these epochs.
    assert max(history["val_accuracy"]) > 0.6
    assert fitted.score(*data) > 0.6
    assert history["val_loss"][0] < 2.0


def test_a_frozen_part_without_statistics_is_told_of(data):
    message = r"frozen in low.1, whose .*do not normalise.*trainable_stages='all'"
    with pytest.warns(TrainingWarning, match=message) as told:
        classifier(net(), trainable_stages=["high"]).fit(*data)
    assert len(told) == 1
    with pytest.warns(TrainingWarning, match=r"resnet18 is frozen in bn1 and 14 more layers"):
        classifier("resnet18", weights=None, trainable_stages=1).fit(*data)
    with pytest.warns(TrainingWarning, match=r"resnet18 is frozen in bn1 and 19 more layers"):
        classifier("resnet18", weights=None, trainable_stages=0).fit(*data)


def test_nothing_is_said_of_a_frozen_part_with_statistics_or_of_what_is_not_reached(data):
    classifier(net(real(nn.BatchNorm2d(8))), trainable_stages=["high"]).fit(*data)
    classifier(net(), layer="low", trainable_stages="all").fit(*data)


def test_one_image_has_no_statistics(data):
    with pytest.raises(ParameterError, match=r"got batch_size=1; .*one image has no statistics. Choose a larger"):
        classifier(net(), trainable_stages="all", batch_size=1).fit(*data)
    classifier(net(real(nn.BatchNorm2d(8)), real(nn.BatchNorm2d(8))), trainable_stages="all", batch_size=1).fit(*data)


def finetuning(backbone, **options):
    model = CNNFineTuneClassifier(backbone, image_size=SIDE, cache=None, **options)
    X, y = coloured(12)
    started = FineTuning(model, as_sources(list(X)), np.unique(y), y, None)
    started.check()
    return started


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"weights": None, "trainable_stages": "all"}, (1e-3, 1e-3, 30, 15, "random")),
        ({"weights": None, "trainable_stages": 5}, (1e-3, 1e-3, 30, 15, "random")),
        ({"weights": None, "trainable_stages": 5, "learning_rate": 0.01, "epochs": 4}, (0.01, 0.01, 4, 5, "random")),
        ({"weights": None, "trainable_stages": "all", "patience": 2}, (1e-3, 1e-3, 30, 2, "random")),
        ({"weights": None, "trainable_stages": 1}, (3e-5, 9e-5, 10, 5, "random")),
        ({"weights": "settled", "trainable_stages": "all"}, (3e-5, 9e-5, 10, 5, "logistic")),
        ({"weights": "settled", "learning_rate": 1e-3, "head_learning_rate": 0.5}, (1e-3, 0.5, 10, 5, "logistic")),
    ],
    ids=str,
)
def test_what_auto_stands_for(settled, options, expected):
    if options["weights"]:
        options = {**options, "weights": settled("resnet18")}
    found = finetuning("resnet18", **options)
    names = ("learning_rate", "head_learning_rate", "epochs", "patience", "head_init")
    assert (*(getattr(found.settings, name) for name in names),) == expected


def test_a_module_of_ones_own_is_from_scratch_where_no_norm_has_statistics():
    def rate(module, **options):
        return finetuning(module, **options).settings.learning_rate

    assert rate(net(), trainable_stages="all") == 1e-3
    assert rate(net(), trainable_stages=["high"]) == 3e-5
    assert rate(net(real(nn.BatchNorm2d(8))), trainable_stages="all") == 3e-5
    assert rate(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), layer="output", trainable_stages="all") == 3e-5


@pytest.mark.parametrize("layer", ["output", "stages.2", "stages.1.blocks.0.norm2", "stages.1.blocks.0.norm2.act"])
def test_norms_that_a_graph_takes_apart_are_whole_and_layers_inside_of_them_too(layer):
    timm = pytest.importorskip("timm")
    module = timm.create_model("resnetv2_50", layers=(1, 2, 1, 1), num_classes=0)
    source = resolve_backbone(module, image_size=SIDE)
    trunk = Trunk.cut(source, source.view(layer, "avg"), trainable_layers=9)
    pixels = torch.from_numpy(coloured(4)[0]).permute(0, 3, 1, 2)
    pixels = nn.functional.interpolate(pixels, (SIDE, SIDE))
    expected = source.load("cpu").embed(pixels, [trunk.view], preprocessing=source.preprocessing)[0]
    with torch.no_grad():
        found = trunk.features(trunk.lower(source.preprocessing.normalise(pixels), "float32"))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert trunk.part.initial_norms
