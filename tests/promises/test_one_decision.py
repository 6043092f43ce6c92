"""Promised: the decision of a head is the same when it is tuned, reported, predicted and loaded."""

import numpy as np
import pytest

from featx import HEADS, CNNFeatureTransformer, ImageDataset, TunedHead, load_model
from featx.heads.grid_predictions import predict_grid
from featx.heads.head_names import HEADS_WITH_CLASS_WEIGHTS
from featx.workflows.fit import fit_model


def crowded(n, n_classes, *, distance, n_test=2000, seed=0):
    """Training and test rows of classes that overlap; of distance 0, labels at random."""
    rng = np.random.default_rng(seed)
    centres = distance * rng.normal(size=(n_classes, 20))
    y, test = rng.permutation(np.arange(n) % n_classes), np.arange(n_test) % n_classes
    X, X_test = (centres[labels] + 1.2 * rng.normal(size=(len(labels), 20)) for labels in (y, test))
    return X.astype(np.float32), y, X_test.astype(np.float32)


def bare(head):
    """What was fitted, without the calibration."""
    return head.calibrated_classifiers_[0].estimator if hasattr(head, "calibrated_classifiers_") else head


@pytest.mark.parametrize(
    ("n", "n_classes", "distance"),
    [(200, 2, 0.5), (400, 10, 1.0), (450, 30, 0.9), (200, 2, 0), (200, 3, 0), (200, 10, 0)],
)
@pytest.mark.parametrize("name", HEADS)
def test_one_decision_is_tuned_reported_and_predicted(name, n, n_classes, distance):
    X, y, X_test = crowded(n, n_classes, distance=distance)
    grid = {"alpha": [1.0]} if name == "mlp" else None
    for weight in (None, "balanced") if name in HEADS_WITH_CLASS_WEIGHTS else (None,):
        tuned = TunedHead(name, grid=grid, class_weight=weight).fit(X, y)
        inner = bare(tuned.head_)
        decided = inner.predict(X_test)
        assert np.array_equal(tuned.head_.predict(X_test), decided)
        assert np.array_equal(tuned.classes_[tuned.predict_proba(X_test).argmax(axis=1)], decided)
        (scored,) = predict_grid(inner[-1], [tuned.best_params_], inner[0].transform(X), y, inner[0].transform(X_test))
        assert np.mean(scored != decided) <= (0.02 if name in ("mlp", "linear_svm", "logistic") else 0.001)


@pytest.mark.parametrize("name", ["svm", "ridge", "linear_svm"])
def test_a_loaded_model_decides_by_its_largest_probability(name, tiny, tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (8, 8), dtype=np.uint8) for _ in range(60)]
    data = ImageDataset(images, [str(i) for i in range(60)], np.array(list("abc"))[np.arange(60) % 3])
    fit_model(data, CNNFeatureTransformer(**tiny), heads=[name], cv=3).save(tmp_path / "m.skops")
    loaded = load_model(tmp_path / "m.skops")
    # Below the calibration, classes are numbers.
    decided = loaded.classes_[bare(loaded[-1]).predict(loaded[0].transform(images))]
    assert np.array_equal(loaded.predict(images), decided)
    assert np.array_equal(loaded.classes_[loaded.predict_proba(images).argmax(axis=1)], decided)
