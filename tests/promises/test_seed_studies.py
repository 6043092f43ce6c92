"""Promised: every study that featx was made for can be run with it. Mechanics only, on random weights."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, plot_confusion_matrix, plot_history


def pictures(n_classes=2, count=12, side=20):
    """Return noisy pictures of as many colours as there are classes, and the names of the colours."""
    rng = np.random.default_rng(0)
    colours = np.arange(count) % n_classes
    X = rng.integers(0, 120, (count, side, side, 3))
    X[np.arange(count), :, :, colours] += 120
    return X.astype(np.uint8), np.array(["red", "green", "blue"])[colours]


def is_trained(model, X, y):
    losses = model.history_["loss"]
    return len(losses) == model.n_iter_ > 0 and np.isfinite(losses).all() and 0 <= model.score(X, y) <= 1


@pytest.mark.parametrize(("rate", "head_rate"), [(1e-3, 1e-2), pytest.param(1e-4, 1e-3, marks=pytest.mark.long)])
def test_alexnet_is_tuned_by_sgd_with_a_rate_for_the_network_and_one_for_the_head(rate, head_rate):
    X, y = pictures(3)
    model = CNNFineTuneClassifier(
        "alexnet", weights=None, image_size=63, optimizer="sgd", momentum=0.9, learning_rate=rate,
        head_learning_rate=head_rate, schedule="constant", trainable_stages=2, head_init="logistic", epochs=2,
        augment_draws=1)  # fmt: skip
    assert is_trained(model.fit(X, y), X, y)
    assert model.trained_stages_ == ["block4", "block5"]
    assert model.history_["learning_rate"] == [rate, rate]


def test_alexnet_is_tuned_up_to_its_last_but_one_dense_layer():
    X, y = pictures(count=8)
    model = CNNFineTuneClassifier(
        "alexnet", weights=None, image_size=63, layer="fc7", optimizer="sgd", learning_rate=1e-3, head_init="logistic",
        augmentation="none", epochs=1)  # fmt: skip
    assert is_trained(model.fit(X, y), X, y)
    assert model.trained_stages_ == ["fc7"]
    assert model.head_["output.weight"].shape == (2, 4096)


def test_alexnet_is_trained_from_scratch_with_curves_and_a_confusion_matrix(tmp_path):
    X, y = pictures(3)
    model = CNNFineTuneClassifier(
        "alexnet", weights=None, image_size=63, trainable_stages="all", optimizer="sgd", learning_rate=1e-2,
        augmentation="flips", epochs=2, early_stopping=False)  # fmt: skip
    assert is_trained(model.fit(X, y), X, y)
    assert model.initial_validation_accuracy_ is None
    pytest.importorskip("matplotlib")
    plot_history(model.history_, tmp_path / "curves.png")
    matrix = confusion_matrix(y, model.predict(X), labels=model.classes_)
    plot_confusion_matrix(matrix, list(model.classes_), tmp_path / "matrix.png")
    assert matrix.sum() == len(X)
    assert (tmp_path / "curves.png").stat().st_size > 1000 < (tmp_path / "matrix.png").stat().st_size


def test_frozen_features_go_into_a_support_vector_machine():
    X, y = pictures(3, 24)
    features = CNNFeatureTransformer("resnet18", weights=None, image_size=32)
    search = GridSearchCV(make_pipeline(features, StandardScaler(), SVC()), {"svc__C": [1, 10]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.9


def test_vgg16_without_its_top_goes_flat_into_a_logistic_regression():
    X, y = pictures(2, 6)
    features = CNNFeatureTransformer("vgg16", weights=None, image_size=64, pooling="flatten")
    pipeline = Pipeline([("vgg16", features), ("scale", StandardScaler()), ("head", LogisticRegression())])
    assert pipeline.fit(X, y).score(X, y) == 1.0
    assert pipeline["head"].n_features_in_ == 512 * 2 * 2


WALKTHROUGHS = [
    ("resnet50", 32, {"hidden_units": 8, "dropout": 0.5}),
    ("mobilenet_v2", 32, {"dropout": 0.2}),
    ("efficientnet_b0", 32, {"dropout": 0.2}),
    ("inception_v3", 75, {"hidden_units": 8}),
    ("vgg19", 32, {"hidden_units": 8, "dropout": 0.5}),
]


LARGE = {"efficientnet_b0", "inception_v3", "vgg19"}


@pytest.mark.filterwarnings("ignore:.*whose running statistics are those of initialisation")
@pytest.mark.parametrize(
    ("name", "size", "head"),
    [pytest.param(*row, id=row[0], marks=[pytest.mark.long] if row[0] in LARGE else []) for row in WALKTHROUGHS],
)
def test_the_last_layers_are_unfrozen_at_a_low_rate_and_one_image_is_predicted(name, size, head):
    X, y = pictures(2, 8)
    model = CNNFineTuneClassifier(
        name, weights=None, image_size=size, trainable_layers=10, learning_rate=1e-5, head_learning_rate=1e-3,
        head_init="warmup", warmup_epochs=5, augmentation="keras", augment_draws=1, epochs=1, **head)  # fmt: skip
    assert is_trained(model.fit(X, y), X, y)
    assert model.state_
    one = X[:1]
    assert model.predict(one)[0] in model.classes_
    np.testing.assert_allclose(model.predict_proba(one).sum(axis=1), 1)


@pytest.mark.filterwarnings("ignore:.*whose running statistics are those of initialisation")
@pytest.mark.parametrize("head_init", ["warmup", pytest.param("logistic", marks=pytest.mark.long)])
def test_frozen_and_tuned_are_compared_over_sizes_with_the_head_trained_first(head_init):
    X, y = pictures(2, 40)
    train, test = train_test_split(np.arange(40), test_size=12, stratify=y, random_state=0)
    network = {"backbone": "mobilenet_v2", "weights": None, "image_size": 32}
    frozen = make_pipeline(CNNFeatureTransformer(**network), StandardScaler(), LogisticRegression())
    for size in (8, 16, 28):
        rows = train[:size]
        model = CNNFineTuneClassifier(
            **network, head_init=head_init, head_learning_rate=1e-3, learning_rate=1e-5, augmentation="none", epochs=2
        ).fit(X[rows], y[rows])
        assert 0 <= model.best_epoch_ <= 2
        best = [model.initial_validation_accuracy_, *model.history_["val_accuracy"]]
        assert best[model.best_epoch_] == max(best)
        assert {frozen.fit(X[rows], y[rows]).score(X[test], y[test]), model.score(X[test], y[test])} <= {
            hits / 12 for hits in range(13)
        }
