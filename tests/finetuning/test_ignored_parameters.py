"""Promised: a parameter that is set and can have no effect says so, once, and others say nothing."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, make_strategy, save_model
from featx.cli import main
from featx.finetuning.fit import FineTuning

rng = np.random.default_rng(0)
X = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(12)]
y = [0, 1] * 6
IGNORED = [
    ({"trainable_stages": 2, "trainable_layers": 4}, ["trainable_stages"]),
    ({"warmup_epochs": 3}, ["warmup_epochs"]),
    ({"warmup_learning_rate": 1e-4}, ["warmup_learning_rate"]),
    ({"momentum": 0.5}, ["momentum"]),
    ({"early_stopping": False, "patience": 2, "validation_fraction": 0.3}, ["patience", "validation_fraction"]),
    ({"augmentation": "none", "augment_draws": 2, "test_draws": 2}, ["augment_draws", "test_draws"]),
    ({"augmentation": None, "augment_draws": 2}, ["augment_draws"]),
    ({"boundary_cache_bytes": 0, "augment_draws": 2, "augmentation": "light"}, ["augment_draws"]),
    ({"trainable_stages": "all", "boundary_cache_bytes": 0}, ["boundary_cache_bytes"]),
    ({"trainable_stages": "all", "augment_draws": 2}, ["augment_draws"]),
    ({"trainable_stages": 0, "batch_norm": "update", "boundary_cache_bytes": 9},
     ["batch_norm", "boundary_cache_bytes"]),
    ({"trainable_stages": 0, "learning_rate": 1e-4, "head_learning_rate": 1e-3}, ["learning_rate"]),
]  # fmt: skip


class NotTrainedError(Exception):
    """Raised where a training would be planned."""


@pytest.fixture
def untrained(monkeypatch):
    """Have a fit end where its parameters were looked at."""

    def stop(self):
        raise NotTrainedError

    monkeypatch.setattr(FineTuning, "plan", stop)


@pytest.mark.parametrize(("options", "names"), IGNORED, ids=str)
def test_a_parameter_that_another_one_overrules_says_so_once(tiny, remarks, untrained, options, names):
    for _ in range(2):
        with pytest.raises(NotTrainedError):
            CNNFineTuneClassifier(**tiny, epochs=1, cache=None, **options).fit(X, y)
    said = sorted(remark.partition("=")[0] for remark in remarks() if "has no effect" in remark)
    assert said == names


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"trainable_stages": ["features.12"]},
        {"trainable_stages": np.int64(2)},
        {"head_init": "warmup", "warmup_epochs": 2, "warmup_learning_rate": 1e-4},
        {"optimizer": "sgd", "momentum": 0.5},
        {"patience": 2, "validation_fraction": 0.3},
        {"augment_draws": 2, "test_draws": 2, "boundary_cache_bytes": 10**9},
        {"trainable_stages": 0, "learning_rate": 1e-4},
    ],
    ids=str,
)
def test_a_parameter_with_an_effect_says_nothing(tiny, remarks, untrained, options):
    with pytest.raises(NotTrainedError):
        CNNFineTuneClassifier(**tiny, epochs=1, cache=None, **options).fit(X, y)
    assert [remark for remark in remarks() if "effect" in remark] == []


@pytest.mark.parametrize("rate", [None, 1e-3])
def test_the_optimizer_of_a_warm_up_is_said_where_it_is_another_one(tiny, remarks, rate):
    options = {"head_init": "warmup", "warmup_epochs": 1, "warmup_learning_rate": rate, "optimizer": "adam"}
    CNNFineTuneClassifier(**tiny, epochs=1, cache=None, **options).fit(X, y)
    said = [remark for remark in remarks() if "effect on the warm-up" in remark]
    assert [remark.partition(" has")[0] for remark in said] == (["optimizer='adam'"] if rate is None else [])


def test_groups_without_anything_that_keeps_them_together_say_so(tiny, remarks):
    options = {**tiny, "epochs": 1, "cache": None, "early_stopping": False, "head_init": "random"}
    CNNFineTuneClassifier(**options).fit(X, y, groups=np.arange(12) // 2)
    assert [remark.partition(":")[0] for remark in remarks()] == ["groups have no effect"]


def test_strategies_as_they_come_say_nothing(tiny, remarks):
    transformer = CNNFeatureTransformer(**tiny, cache=None)
    for name in ("finetuned", "scratch"):
        make_strategy(name, transformer, parameters={"epochs": 1}).fit(X, y)
    assert [remark for remark in remarks() if "effect" in remark] == []


def test_views_that_are_announced_and_not_kept_say_so(tiny, remarks, tmp_path):
    views = [("features.9", "avg")]
    CNNFeatureTransformer(**tiny, prefetch=views, cache=tmp_path).fit(X)
    assert remarks() == []
    CNNFeatureTransformer(**tiny, prefetch=views, cache=None).fit(X)
    assert [remark.partition(":")[0] for remark in remarks()] == ["prefetch has no effect with cache=None"]


def test_a_test_size_beside_a_test_set_says_so(tiny, remarks):
    from featx import ImageDataset, finetune_model

    data = ImageDataset(X, [f"{number}" for number in range(12)], np.array(y))
    other = ImageDataset([255 - pixels for pixels in X], data.names, data.labels)
    classifier = CNNFineTuneClassifier(**tiny, epochs=1, cache=None)
    finetune_model(data, classifier, test=other)
    assert remarks() == []
    finetune_model(data, classifier, test=other, test_size=0.5)
    assert remarks() == ["test_size=0.5 has no effect: a test set is given"]


def command(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def test_commands_say_it_too(tiny, remarks, tmp_path):
    for number, image in enumerate(X):
        folder = tmp_path / "data" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    network = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "-q")
    fit = ("fit", tmp_path / "data", "-o", tmp_path / "a.skops", *network, "--grid", "logistic.C=0.1")
    command(*fit, "--test-size", "0.5", "--cv", "3")
    assert [remark.partition(":")[0] for remark in remarks()] == ["cv=3 has no effect"]
    tuned = CNNFineTuneClassifier(**tiny, epochs=1, cache=None).fit(X, y)
    save_model(tuned, tmp_path / "b.skops")
    for model in ("a.skops", "b.skops"):
        command("predict", tmp_path / model, tmp_path / "data", "--batch-size", "2")
    assert [remark.partition(":")[0] for remark in remarks()[1:]] == [
        "batch_size has no effect on the predictions of a fine-tuned network"
    ]
    command("predict", tmp_path / "a.skops", tmp_path / "data", "--failures", tmp_path / "bad.json")
    assert "--failures has no effect" in remarks()[-1]
    command("predict", tmp_path / "a.skops", tmp_path / "data", "--failures", tmp_path / "c.json", "--on-error", "skip")
    assert len(remarks()) == 3
