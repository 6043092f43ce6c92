"""Promised: the head first, then the named stages and no other tensor; the same seed gives the same model."""

import io
import logging
import pickle
import shutil

import joblib
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch import nn

from featx import Augmentation, CNNFeatureTransformer, CNNFineTuneClassifier
from featx.evaluation.splits import held_out_split
from featx.exceptions import (
    BackboneError,
    DatasetError,
    ImageDecodeError,
    ParameterError,
    TrainingError,
    TrainingWarning,
    WeightsError,
)
from featx.finetuning.feeds import CachedFeed
from featx.finetuning.head import head_probabilities
from featx.finetuning.head_init import fit_probe
from featx.finetuning.trunk import Trunk
from featx.heads.heads import head_spec
from featx.networks.backbone import Backbone
from featx.networks.resolve import resolve_backbone

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32}
NORMALISED = {"backbone": "mnasnet0_5", "weights": None, "image_size": 32}
COUNT = 24


def classifier(**options):
    return CNNFineTuneClassifier(**{**TINY, "head_init": "warmup", "augmentation": "none", "epochs": 2, **options})


def coloured(n_classes=3, count=COUNT, seed=0, contrast=100):
    """Return noisy images of as many colours as there are classes, and the classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % n_classes
    X = rng.integers(0, 120, (count, 24, 24, 3))
    X[np.arange(count), :, :, y % 3] += contrast
    return X.astype(np.uint8), y


@pytest.fixture(scope="module")
def data():
    return coloured()


def assert_same(first, second):
    """Compare two dicts of arrays bit for bit."""
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def assert_same_training(first, second):
    assert_same(first.state_, second.state_)
    assert_same(first.head_, second.head_)
    for name, values in first.history_.items():
        assert name == "seconds" or values == second.history_[name]
    assert first.best_epoch_ == second.best_epoch_


def is_same(first, second):
    return all(np.array_equal(first[name], second[name]) for name in first)


def untouched(**options):
    """Return the tensors of a network before any training."""
    source = resolve_backbone(**{**TINY, **options})
    return {name: value.numpy() for name, value in source.build().state_dict().items()}


def _suite():
    """Yield scikit-learn's checks; in the quick form each once, and not again with arrays in read-only memory."""
    # The accuracy that the suite wants comes from strips of two pixels, so that their range has to be told.
    own = classifier(value_range=(-120, 120), head_init="logistic", epochs=1)
    for estimator, check in estimator_checks_generator(own, mark="xfail"):
        name, settings = check.func.__name__, check.keywords
        ids = ",".join([name, *(f"{key}={value}" for key, value in settings.items())])
        marks = [pytest.mark.long] if settings.get("readonly_memmap") else []
        yield pytest.param(estimator, check, id=ids, marks=marks)


@pytest.mark.parametrize(("estimator", "check"), list(_suite()))
def test_scikit_learns_own_suite(estimator, check):
    check(estimator)


def test_cross_validation_and_a_grid_over_rate_and_stages(data, forwards):
    X, y = data
    assert cross_val_score(classifier(), X, y, cv=3).mean() > 0.9
    forwards.since()
    cross_val_score(classifier(head_init="random"), X, y, cv=3)
    assert forwards.since() == COUNT  # by the tuned network of each fold; below the boundary everything is known
    grid = {"learning_rate": [1e-5, 1e-4], "trainable_stages": [0, np.int64(2)]}
    search = GridSearchCV(classifier(epochs=1), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.9
    assert search.predict(X).shape == (COUNT,)


@pytest.mark.parametrize("how", [pickle, joblib], ids=["pickle", "joblib"])
def test_a_fitted_one_survives_a_round_trip(data, how):
    X, y = data
    fitted = classifier(cache=None).fit(X, y)
    file = io.BytesIO()
    how.dump(fitted, file)
    assert len(file.getvalue()) < 1.1 * sum(v.nbytes for v in fitted.state_.values()) + 100_000
    file.seek(0)
    assert np.array_equal(how.load(file).predict_proba(X), fitted.predict_proba(X))


def test_cloning_keeps_every_parameter(data):
    augmentation = Augmentation(rotation=3.0)
    model = classifier(augmentation=augmentation, class_weight={0: 2.0}, trainable_stages=["features.12"])
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(clone(model.fit(*data)), "state_")


@pytest.mark.parametrize(
    "names",
    [np.array(["cat", "dog", "owl"]), np.array(["cat", "dog", "owl"], dtype=object), np.array([7, -1, 3])],
    ids=["str", "object", "int"],
)
def test_labels_of_every_type_come_back_as_they_were(data, names):
    X, y = data
    fitted = classifier(epochs=1).fit(X, names[y])
    assert fitted.classes_.tolist() == sorted(names)
    assert fitted.predict(X).tolist() == names[y].tolist()


def test_labels_may_be_true_and_false():
    X, y = coloured(2)
    fitted = classifier(epochs=1).fit(X, y == 1)
    assert fitted.predict(X).tolist() == (y == 1).tolist()
    assert fitted.classes_.dtype == bool


def test_images_come_in_every_form(data, tmp_path):
    X, y = data
    paths = [str(tmp_path / f"{i}.png") for i in range(COUNT)]
    for path, pixels in zip(paths, X, strict=True):
        Image.fromarray(pixels).save(path)
    expected = classifier(epochs=1, cache=None).fit(X, y)
    for form in (paths, [Image.open(path) for path in paths]):
        fitted = classifier(epochs=1, cache=None).fit(form, y)
        np.testing.assert_allclose(fitted.predict_proba(form), expected.predict_proba(X), atol=1e-6)
        assert not hasattr(fitted, "n_features_in_")
    rows = X.reshape(COUNT, -1)
    fitted = classifier(epochs=1, cache=None, value_range=(0, 255)).fit(rows, y)
    assert fitted.n_features_in_ == rows.shape[1]
    assert fitted.score(rows, y) == expected.score(X, y)


def test_it_must_be_fitted_first(data, tmp_path):
    for use in (lambda m: m.predict(data[0]), lambda m: m.export_weights(tmp_path / "w.safetensors")):
        with pytest.raises(NotFittedError):
            use(classifier())


# Head first


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_logistic_head_is_the_probe_on_frozen_embeddings(n_classes):
    X, y = coloured(n_classes, contrast=25)
    # Nothing is learnt at a rate of zero.
    frozen = {"head_init": "logistic", "learning_rate": 0.0, "epochs": 1, "early_stopping": False}
    fitted = classifier(**frozen).fit(X, y)
    features = CNNFeatureTransformer(**TINY).fit_transform(X)
    probe = fit_probe(features, y)
    assert probe.get_params()["classify__C"] in head_spec("logistic").grid["classify__C"]
    np.testing.assert_allclose(fitted.predict_proba(X), probe.predict_proba(features), atol=1e-5)
    assert np.array_equal(fitted.predict(X), probe.predict(features))


def test_the_probe_sees_no_validation_image(data):
    X, y = data
    train, _ = held_out_split(y, 4, random_state=0)
    features = CNNFeatureTransformer(**TINY).fit_transform(X)
    fitted = classifier(head_init="logistic", learning_rate=0.0, epochs=1).fit(X, y)
    expected = fit_probe(features[train], y[train]).predict_proba(features)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"hidden_units": 5, "dropout": 0.5}, {"dropout": 0.2}], ids=str)
def test_a_warmed_up_head_knows_the_classes_before_the_network_is_touched(data, options):
    fitted = classifier(**options, head_learning_rate=1e-2, learning_rate=0.0, warmup_epochs=60).fit(*data)
    assert fitted.initial_validation_accuracy_ == 1.0
    shape = (5, 512) if "hidden_units" in options else None
    assert getattr(fitted.head_.get("hidden.weight"), "shape", None) == shape


def test_a_random_head_is_no_result(data):
    fitted = classifier(head_init="random", learning_rate=0.0).fit(*data)
    assert fitted.initial_validation_accuracy_ is None
    assert fitted.best_epoch_ == 1


def test_auto_chooses_the_head_by_what_there_is(data, tmp_path):
    weights = tmp_path / "weights.pth"
    torch.save(resolve_backbone(**TINY).build().state_dict(), weights)

    def initial(**options):
        return classifier(**{"head_init": "auto", "epochs": 1, "learning_rate": 0.0, **options}).fit(*data)

    assert initial().initial_validation_accuracy_ is None
    given = initial(weights=str(weights))
    assert_same(given.head_, initial(weights=str(weights), head_init="logistic").head_)
    given = initial(weights=str(weights), hidden_units=4)
    assert_same(given.head_, initial(weights=str(weights), head_init="warmup", hidden_units=4).head_)


def test_a_head_alone_is_trained_without_the_network(data, forwards):
    fitted = classifier(trainable_stages=0, epochs=4, head_init="random", head_learning_rate=1e-2).fit(*data)
    assert fitted.state_ == {}
    assert fitted.trained_stages_ == []
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    assert forwards.since() == COUNT
    assert fitted.predict(data[0]).shape == (COUNT,)
    assert forwards.since() == 0


# What is trained and what is not


@pytest.mark.parametrize("options", [{"batch_norm": "frozen"}, {"batch_norm": "update"}], ids=str)
def test_only_the_named_stages_change(data, options, settled):
    network = {**NORMALISED, "weights": settled("mnasnet0_5")}
    options = {**network, **options, "trainable_stages": ["layers.12", "head"], "early_stopping": False}
    fitted = classifier(**options).fit(*data)
    assert fitted.trained_stages_ == ["layers.12", "head"]
    assert {".".join(name.split(".")[:2]) for name in fitted.state_} == {"layers.12", "layers.14", "layers.15"}
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


def test_the_last_layers_are_trained_in_place_of_stages(data):
    fitted = classifier(trainable_layers=4, trainable_stages=5).fit(*data)
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


# The cached boundary


@pytest.mark.parametrize("augmentation", ["none", "light"])
@pytest.mark.parametrize("cache", ["auto", None])
def test_images_pass_below_the_boundary_once(data, forwards, augmentation, cache):
    options = {"augmentation": augmentation, "augment_draws": 2, "head_init": "random", "cache": cache, "epochs": 3}
    fitted = classifier(**options).fit(*data)
    needed = COUNT if augmentation == "none" else 4 + 2 * (COUNT - 4)
    assert forwards.since() == needed
    assert fitted.forwarded_ == {"needed": needed, "forwarded": needed}
    again = classifier(**options).set_params(learning_rate=1e-3).fit(*data)
    assert forwards.since() == again.forwarded_["forwarded"] == (0 if cache else needed)


def test_without_a_boundary_cache_nothing_is_kept(data, forwards, own_cache):
    fitted = classifier(boundary_cache=False, head_init="random").fit(*data)
    assert fitted.forwarded_ == {"needed": 0, "forwarded": 0}
    assert not list(own_cache.rglob("*.h5"))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.02), ("bfloat16", 0.1)])
def test_a_cached_boundary_gives_what_an_uncached_one_gives(data, dtype, tolerance):
    cached = classifier(boundary_dtype=dtype).fit(*data)
    fresh = classifier(boundary_cache=False).fit(*data)
    assert cached.history_["val_accuracy"] == fresh.history_["val_accuracy"]
    np.testing.assert_allclose(cached.history_["loss"], fresh.history_["loss"], rtol=tolerance)
    np.testing.assert_allclose(cached.predict_proba(data[0]), fresh.predict_proba(data[0]), atol=tolerance)


def test_a_boundary_that_is_too_large_is_logged_and_done_without(data, caplog):
    with caplog.at_level(logging.WARNING, "featx"):
        fitted = classifier(boundary_cache_bytes=1000).fit(*data)
    assert "more than boundary_cache_bytes" in caplog.text
    assert_same_training(fitted, classifier(boundary_cache=False).fit(*data))


def test_a_boundary_that_is_lost_is_computed_again(data, own_cache, monkeypatch, forwards):
    expected = classifier(head_init="random").fit(*data)
    forwards.since()
    read, calls = CachedFeed.read, []

    def losing(self, rows, epoch):
        if len(calls) == 3:
            shutil.rmtree(own_cache)
        calls.append(epoch)
        return read(self, rows, epoch)

    monkeypatch.setattr(CachedFeed, "read", losing)
    fitted = classifier(head_init="random").fit(*data)
    assert len(calls) > 3
    assert forwards.since() >= COUNT
    assert_same_training(fitted, expected)


# Repeatability


@pytest.mark.parametrize(
    "options",
    [
        {"augmentation": "light", "augment_draws": 2, "dropout": 0.3, "hidden_units": 4},
        {"head_init": "random", "boundary_cache": False, "augmentation": "light"},
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
    classifier(head_init="random", boundary_cache=False).fit(*data)
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


# Bad input


def test_a_class_of_one_image_needs_a_training_without_validation(data):
    X, _ = data
    lonely = np.where(np.arange(COUNT) == 5, "once", "often")
    with pytest.raises(DatasetError, match=r"class 'once' has 1 image, .*early_stopping=False"):
        classifier().fit(X, lonely)
    for head_init in ("logistic", "warmup"):
        fitted = classifier(early_stopping=False, head_init=head_init).fit(X, lonely)
        assert fitted.history_["val_accuracy"] == [None, None]
        assert fitted.best_epoch_ == fitted.n_iter_ == 2


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.zeros(COUNT, int), DatasetError, "only one class, '0'"),
        (None, ValueError, "pass the labels"),
        (np.arange(5), ValueError, "inconsistent"),
        (np.linspace(0, 1, COUNT), ValueError, "continuous"),
        (np.array([None] * 4 + ["a", "b"] * 10, dtype=object), (ValueError, TypeError), "None|not supported|type"),
        (np.array([np.nan] * 4 + [0.0, 1.0] * 10), ValueError, "NaN"),
    ],
    ids=["one class", "none", "short", "continuous", "some unlabelled", "NaN"],
)
def test_labels_that_teach_nothing_are_refused(data, labels, error, message, forwards):
    with pytest.raises(error, match=message):
        classifier().fit(data[0], labels)
    assert forwards.since() == 0


def test_too_few_images_for_a_validation_part_are_refused():
    X, y = coloured(3, 5)
    y = np.array([0, 0, 1, 1, 1])
    assert classifier(epochs=1).fit(X, y).n_iter_ == 1
    with pytest.raises(DatasetError, match="class '2' has 1 image, fewer than the 2 that training and validation need"):
        classifier().fit(X, np.array([0, 0, 1, 1, 2]))


def test_groups_stay_on_one_side(data):
    X, y = data
    groups = np.arange(COUNT) // 6
    fitted = classifier(head_init="logistic", learning_rate=0.0, epochs=1, validation_fraction=0.25).fit(X, y, groups)
    train, validation = held_out_split(y, 0.25, groups=groups)
    assert not set(groups[train]) & set(groups[validation])
    features = CNNFeatureTransformer(**TINY).fit_transform(X)
    expected = fit_probe(features[train], y[train], groups=groups[train]).predict_proba(features)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(COUNT, int), "all images are of one group"),
        (np.arange(COUNT) % 3, "lies in too few groups.*early_stopping=False"),
        (np.arange(COUNT - 1), "inconsistent numbers of samples"),
    ],
    ids=["one", "one a class", "too short"],
)
def test_groups_that_cannot_be_parted_are_refused(data, groups, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(*data, groups)
    if len(groups) == COUNT:
        assert classifier(early_stopping=False).fit(*data, groups).n_iter_ == 2


def test_an_unreadable_image_stops_the_training_by_name(data, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(COUNT)]
    for path, pixels in zip(paths, data[0], strict=True):
        Image.fromarray(pixels).save(path)
    with open(paths[7], "wb") as file:
        file.write(b"no image")
    for options in ({}, {"boundary_cache": False, "head_init": "random"}):
        with pytest.raises(ImageDecodeError, match=r"7\.png"):
            classifier(**options).fit(paths, data[1])


def test_labels_that_training_has_not_seen_count_as_errors(data):
    X, y = data
    names = np.array(["a", "b", "c"])
    assert classifier().fit(X, names[y]).score(X, np.full(COUNT, "new")) == 0.0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_rate_that_diverges_stops_and_keeps_the_best_weights(data, optimizer):
    with pytest.warns(TrainingWarning, match=r"learning_rate=1e\+30.*epoch 0 are kept"):
        fitted = classifier(learning_rate=1e30, optimizer=optimizer, head_learning_rate=1e-3).fit(*data)
    assert fitted.best_epoch_ == 0
    assert is_same(fitted.state_, untouched())
    assert np.isfinite(fitted.predict_proba(data[0])).all()


@pytest.mark.parametrize(
    "options",
    [
        {"head_init": "random", "epochs": 3},
        {"head_init": "random", "epochs": 1, "batch_size": 100},
        {"early_stopping": False, "epochs": 3},
    ],
    ids=str,
)
def test_a_training_that_diverges_before_anything_was_learnt_is_an_error(data, options):
    with pytest.raises(TrainingError, match=r"learning_rate=1e\+30.*Choose lower rates"):
        classifier(learning_rate=1e30, head_learning_rate=1e30, optimizer="sgd", **options).fit(*data)


def test_a_last_step_to_nan_is_noticed(data, monkeypatch):
    def step(self, *args):
        with torch.no_grad():
            self.param_groups[0]["params"][0].fill_(torch.nan)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    options = {"optimizer": "sgd", "epochs": 1, "batch_size": 100, "early_stopping": False}
    with pytest.raises(TrainingError, match="a weight became NaN"):
        classifier(**options).fit(*data)


@pytest.fixture
def little_memory(monkeypatch):
    """Let the trained part run out of memory above a number of images."""

    def limit(most, error=torch.OutOfMemoryError, part="features"):
        method = getattr(Trunk, part)

        def limited(self, inputs, *rest):
            if len(inputs) > most:
                raise error("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")
            return method(self, inputs, *rest)

        monkeypatch.setattr(Trunk, part, limited)

    return limit


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
@pytest.mark.parametrize("options", [{}, {"class_weight": {0: 5.0, 1: 0.5}, "label_smoothing": 0.1}], ids=str)
def test_with_little_memory_batches_are_computed_in_parts(data, little_memory, caplog, options, error):
    options = {**options, "batch_size": 10, "learning_rate": 1e-3, "optimizer": "sgd"}
    expected = classifier(**options).fit(*data)
    little_memory(3, error)
    with caplog.at_level(logging.WARNING, "featx"):
        fitted = classifier(**options).fit(*data)
    assert "parts of 2 images" in caplog.text
    np.testing.assert_allclose(fitted.history_["loss"], expected.history_["loss"], rtol=1e-4)
    np.testing.assert_allclose(fitted.predict_proba(data[0]), expected.predict_proba(data[0]), atol=1e-4)


def test_the_frozen_part_is_computed_in_parts_too(data, little_memory, caplog):
    expected = classifier(boundary_cache=False, head_init="random").fit(*data)
    little_memory(3, part="lower")
    with caplog.at_level(logging.WARNING, "featx"):
        fitted = classifier(boundary_cache=False, head_init="random").fit(*data)
    assert "parts of 2 images" in caplog.text
    np.testing.assert_allclose(fitted.history_["loss"], expected.history_["loss"], rtol=1e-4)


def test_one_image_too_much_for_the_memory_is_an_error(data, little_memory):
    little_memory(0)
    with pytest.raises(TrainingError, match=r"one image is too much for the memory of cpu.*smaller image_size"):
        classifier().fit(*data)


@pytest.mark.parametrize(("n", "batch_size", "most"), [(5, 2, None), (7, 3, None), (7, 4, None), (9, 4, 3), (11, 8, 3)])
def test_no_part_of_one_image_is_normalised_by_its_own_statistics(
    data, settled, little_memory, monkeypatch, n, batch_size, most
):
    sizes, features = [], Trunk.features

    def counting(self, inputs):
        sizes.append(len(inputs))
        return features(self, inputs)

    monkeypatch.setattr(Trunk, "features", counting)
    if most is not None:
        little_memory(most)
    options = {
        "backbone": "mnasnet0_5",
        "weights": settled("mnasnet0_5"),
        "batch_norm": "update",
        "head_init": "random",
    }
    classifier(**options, early_stopping=False, batch_size=batch_size).fit(data[0][:n], data[1][:n])
    assert min(sizes) >= 2
    assert max(size for size in sizes if most is None or size <= most) <= max(batch_size, 3)


def test_other_errors_of_the_network_are_not_taken_for_a_lack_of_memory(data, monkeypatch):
    def failing(self, inputs):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Trunk, "features", failing)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        classifier().fit(*data)


BAD = {
    "epochs": [0, -1, 1.5, True, "3", None],
    "batch_size": [0, -10, 2.5, None],
    "augment_draws": [0, 1.5],
    "test_draws": [0, "2"],
    "patience": [0, None],
    "warmup_epochs": [0, -3],
    "random_state": [-1, None, 2**32, np.random.RandomState(0)],
    "boundary_cache_bytes": [-1, 8e9],
    "learning_rate": [-1e-4, np.nan, np.inf, "1e-4", "AUTO", None, True],
    "head_learning_rate": [-1.0, np.nan, "auto"],
    "momentum": [-0.1, 1.0],
    "weight_decay": [-1.0, np.inf],
    "dropout": [-0.1, 1.0, None],
    "label_smoothing": [-0.1, 1.0],
    "validation_fraction": [0.0, 1.0, -0.2, "some"],
    "hidden_units": [0, -5, 2.5, True],
    "head_init": ["svm", None],
    "batch_norm": ["train", True],
    "optimizer": ["adam", None],
    "schedule": ["linear", None],
    "boundary_dtype": ["float32", None],
    "class_weight": ["even", 5, {9: 1.0}, {1: -2.0}, {1: "much"}],
    "augmentation": ["strong", 5],
    "trainable_stages": [-1, 1.5, None],
    "trainable_layers": [0, "2"],
    "precision": ["double"],
    "device": ["tpu9", None],
    "layer": [-1, ["features.12"]],
    "pooling": ["mean"],
    "n_jobs": [0],
    "cache": [5],
    "image_size": [0],
    "resize": ["pad"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values], ids=str)
def test_bad_parameters_are_named_before_any_image_is_forwarded(data, name, value, forwards):
    with pytest.raises(ParameterError) as caught:
        classifier(**{name: value}).fit(*data)
    assert name in str(caught.value)
    shown = value
    if isinstance(value, dict):
        shown = 9 if 9 in value else value[1]
    assert repr(shown) in str(caught.value)
    assert forwards.since() == 0


def test_class_weights_that_are_all_zero_are_refused(data):
    weights = dict.fromkeys(np.unique(data[1]).tolist(), 0)
    with pytest.raises(ParameterError, match=r"got class_weight=.*above 0"):
        classifier(class_weight=weights).fit(*data)


def test_a_logistic_head_has_no_hidden_layer(data):
    with pytest.raises(ParameterError, match=r"head_init='logistic' with hidden_units.*head_init='warmup'"):
        classifier(head_init="logistic", hidden_units=8).fit(*data)


def test_an_image_size_that_the_network_does_not_take_is_named(data):
    for head_init in ("warmup", "random"):
        with pytest.raises(BackboneError, match="fails on images of 12 x 12 pixels"):
            classifier(image_size=12, head_init=head_init).fit(*data)


# Optimisers, schedules and losses


@pytest.mark.parametrize("schedule", ["constant", "cosine", "onecycle"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_optimiser_and_schedule_reduces_the_loss(data, optimizer, schedule):
    rate = 1e-3 if optimizer == "adamw" else 3e-2
    options = {"learning_rate": rate, "head_learning_rate": rate, "early_stopping": False, "epochs": 6, "batch_size": 6}
    fitted = classifier(optimizer=optimizer, schedule=schedule, head_init="random", **options).fit(*data)
    assert fitted.history_["loss"][-1] < 0.9 * fitted.history_["loss"][0]
    rates = np.array(fitted.history_["learning_rate"]) / rate
    if schedule == "constant":
        assert rates.tolist() == [1.0] * 6
    if schedule == "cosine":
        np.testing.assert_allclose(rates, (1 + np.cos(np.pi * np.arange(6) / 6)) / 2, atol=1e-6)
    if schedule == "onecycle":
        assert rates.argmax() in (1, 2)
        assert rates[-1] < 0.2 < rates.max() <= 1.0


def test_the_head_has_a_rate_of_its_own(data):
    fitted = classifier(learning_rate=0.0, head_learning_rate=1e-2, early_stopping=False).fit(*data)
    assert is_same(fitted.state_, untouched())
    still = classifier(learning_rate=1e-3, head_learning_rate=0.0, early_stopping=False, head_init="random").fit(*data)
    assert not is_same(still.state_, untouched())
    other = classifier(learning_rate=1e-3, head_learning_rate=0.0, early_stopping=False, head_init="random", epochs=1)
    assert_same(still.head_, other.fit(*data).head_)


def test_the_default_head_rate_is_three_times_the_other(data):
    assert_same_training(
        classifier(learning_rate=1e-3).fit(*data), classifier(learning_rate=1e-3, head_learning_rate=3e-3).fit(*data)
    )


@pytest.mark.parametrize("head_init", ["logistic", "warmup", "random"])
def test_class_weights_shift_what_is_predicted(head_init):
    X, y = coloured(2, contrast=3)
    rate = 1e-4 if head_init == "random" else 0.0
    options = {"head_init": head_init, "early_stopping": False, "learning_rate": rate, "head_learning_rate": 1e-3}
    if head_init == "warmup":
        options["head_learning_rate"] = 5e-3

    def share(class_weight):
        fitted = classifier(**options, class_weight=class_weight, epochs=4, warmup_epochs=4).fit(X, y)
        return fitted.predict_proba(X)[:, 1].mean()

    assert share({1: 50.0}) > share(None) + 0.02
    assert share(None) > share({0: 50.0}) + 0.02


def test_balanced_weights_are_those_of_scikit_learn():
    X, y = coloured(3, 20)
    y[:8] = 0
    counts = np.bincount(y)
    weights = {label: len(y) / (3 * count) for label, count in enumerate(counts)}
    options = {"early_stopping": False}
    assert_same_training(
        classifier(class_weight="balanced", **options).fit(X, y), classifier(class_weight=weights, **options).fit(X, y)
    )


def test_smoothed_labels_keep_the_head_from_certainty(data):
    options = {"epochs": 12, "learning_rate": 1e-3, "early_stopping": False}
    sure = classifier(**options).fit(*data).predict_proba(data[0]).max(axis=1).mean()
    smoothed = classifier(**options, label_smoothing=0.5).fit(*data).predict_proba(data[0]).max(axis=1).mean()
    assert smoothed < sure - 0.05


# Histories, stopping, verbose, draws


def test_the_history_has_an_entry_for_each_epoch(data):
    fitted = classifier(epochs=3).fit(*data)
    keys = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert list(fitted.history_) == keys
    assert all(len(values) == fitted.n_iter_ == 3 for values in fitted.history_.values())
    assert fitted.history_["epoch"] == [1, 2, 3]
    assert all(isinstance(v, float) for key in keys[1:] for v in fitted.history_[key])
    assert {"extraction", "training", "read", "decode", "forward"} <= set(fitted.timings_)
    assert min(fitted.timings_[part] for part in ("extraction", "training", "forward")) > 0


def test_the_best_epoch_is_kept_and_training_stops_when_patience_ends(data):
    # Weights that run away from a good start.
    options = {"head_init": "logistic", "learning_rate": 0.5, "head_learning_rate": 0.0, "epochs": 9, "patience": 3}
    fitted = classifier(**options).fit(*data)
    history = fitted.history_
    assert fitted.initial_validation_accuracy_ == 1.0
    assert fitted.best_epoch_ + 3 == fitted.n_iter_ < 9
    best = history["val_accuracy"][fitted.best_epoch_ - 1] if fitted.best_epoch_ else 1.0
    assert best == max([1.0, *history["val_accuracy"]])
    assert fitted.score(*data) > 0.9


def test_without_early_stopping_the_last_epoch_is_kept(data):
    fitted = classifier(learning_rate=1e-3, epochs=3, early_stopping=False).fit(*data)
    assert fitted.best_epoch_ == 3
    assert fitted.initial_validation_accuracy_ is None
    assert fitted.history_["val_loss"] == [None] * 3


def test_verbose_prints_a_line_for_each_epoch(data, capsys):
    classifier(verbose=True).fit(*data)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(":")[0] for line in err.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert "validation loss" in err.splitlines()[0]
    classifier(verbose=True, early_stopping=False).fit(*data)
    assert "validation" not in capsys.readouterr().err
    classifier().fit(*data).predict(data[0])
    assert capsys.readouterr() == ("", "")


def test_draws_are_averaged_and_stay_the_same(data, forwards):
    X, y = data
    options = {"augmentation": "light", "augment_draws": 1}
    plain = classifier(**options).fit(X, y)
    averaging = classifier(**options, test_draws=3).fit(X, y)
    assert_same(plain.head_, averaging.head_)
    forwards.since()
    averaged = averaging.predict_proba(X)
    assert forwards.since() == 3 * COUNT
    assert np.array_equal(averaged, averaging.predict_proba(X))
    assert np.array_equal(averaged[::-1], averaging.predict_proba(X[::-1]))
    assert forwards.since() == 0
    np.testing.assert_allclose(averaged.sum(axis=1), 1)
    assert not np.array_equal(averaged, plain.predict_proba(X))
    assert np.array_equal(plain.predict_proba(X), plain.set_params(augmentation="none", test_draws=5).predict_proba(X))


def test_unreadable_images_become_nan_on_request(data, tmp_path):
    from featx import as_sources

    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    Image.fromarray(data[0][0]).save(tmp_path / "good.png")
    fitted = classifier().fit(*data)
    images = as_sources([str(bad), str(tmp_path / "good.png")])
    probabilities, extraction = fitted.predict_images(images, on_error="skip")
    assert np.isnan(probabilities).all(axis=1).tolist() == [True, False]
    assert [failure.index for failure in extraction.failures] == [0]


# Export


@pytest.mark.parametrize(
    "name", ["squeezenet1_1", "mnasnet0_5", pytest.param("efficientnet_lite0", marks=pytest.mark.long)]
)
def test_exported_weights_give_the_features_of_the_tuned_network(data, tmp_path, settled, name):
    X, y = data
    options = {"weights": settled(name), "batch_norm": "update", "learning_rate": 1e-3, "early_stopping": False}
    fitted = classifier(backbone=name, **options).fit(X, y)
    path = tmp_path / "tuned.safetensors"
    fitted.export_weights(path)
    features = CNNFeatureTransformer(name, weights=str(path), image_size=32, cache=None).fit_transform(X)
    pixels = torch.stack([fitted.source().preprocessing.apply(image) for image in X])
    source = fitted.network().source
    module = Backbone(name, source.build(), source.architecture, "cpu")
    expected = module.embed(pixels, [fitted.network().view], preprocessing=source.preprocessing)[0]
    np.testing.assert_array_equal(features, expected.numpy())
    np.testing.assert_allclose(head_probabilities(fitted.head_, features), fitted.predict_proba(X), atol=1e-6)
    plain = CNNFeatureTransformer(name, weights=settled(name), image_size=32, cache=None).fit_transform(X)
    assert not np.allclose(features, plain, rtol=1e-3, atol=0)
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".safetensors"] == ["tuned.safetensors"]


def test_weights_that_cannot_be_written_are_an_error(data, tmp_path):
    fitted = classifier().fit(*data)
    with pytest.raises(WeightsError, match=r"ends in \.safetensors"):
        fitted.export_weights(tmp_path / "tuned.pth")
    with pytest.raises(WeightsError, match="cannot write"):
        fitted.export_weights(tmp_path / "missing" / "tuned.safetensors")


def test_changing_the_network_of_a_fitted_one_does_not_hide(data):
    fitted = classifier().fit(*data)
    with pytest.raises(WeightsError, match=r"do not belong to mnasnet0_5.*Call fit again"):
        fitted.set_params(backbone="mnasnet0_5").predict(data[0])
