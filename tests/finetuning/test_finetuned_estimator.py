"""Promised: a fitted classifier averages its draws, and says which images it cannot read."""

import numpy as np
import pytest
from PIL import Image
from sklearn.exceptions import NotFittedError

from trainings import COUNT, assert_same, classifier


def test_it_must_be_fitted_first(data, tmp_path):
    for use in (lambda m: m.predict(data[0]), lambda m: m.export_weights(tmp_path / "w.safetensors")):
        with pytest.raises(NotFittedError):
            use(classifier())


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
