"""Promised: a finetuned network is judged on images that it never saw."""

import json

import numpy as np
import pytest
from PIL import Image

from featx import (
    CNNFineTuneClassifier,
    DatasetError,
    finetune_model,
    load_dataset,
)
from featx.display.text_tables import render_text
from featx.finetuning.head import head_probabilities
from featx.forecast.finetune import forecast_finetuning
from featx.reports.held_out import finetuning_parts
from images import write_dark_and_light

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32, "epochs": 2, "learning_rate": 1e-3}


@pytest.fixture
def folder(tmp_path):
    """Two classes of noise, one dark and one light."""
    return write_dark_and_light(tmp_path / "data", 10, 40)


def tiny(**parameters):
    return CNNFineTuneClassifier(**{**TINY, "head_init": "logistic", **parameters})


def test_figures_are_of_images_that_the_model_never_saw(folder):
    data = load_dataset(folder)
    seen = []

    class Noting(CNNFineTuneClassifier):
        def fit(self, X, y, groups=None):
            seen.extend(X)
            return super().fit(X, y, groups=groups)

    result = finetune_model(data, Noting(**TINY, head_init="logistic"), test_size=0.3)
    assert len(seen) == result.n_train == 14
    assert result.n_test == 6
    assert sum(map(sum, result.confusion_matrix)) == 6
    assert {row["support"] for row in result.per_class} == {3}
    table = result.predictions
    assert table.accuracy == result.metrics["accuracy"].value
    assert not set(table["path"]) & set(seen)
    assert [data.images[row] for row in table["row"]] == table["path"].tolist()
    assert [data.labels[row] for row in table["row"]] == table["label"].tolist()
    answers = result.model.predict(table["path"].tolist())
    assert answers.tolist() == table["predicted"].tolist()
    # The embeddings are those that the head turned into these probabilities.
    assert result.rows.tolist() == table.rows.tolist()
    np.testing.assert_allclose(head_probabilities(result.model.head_, result.embeddings), table.probabilities)
    assert result.extraction.embeddings == []
    assert result.metrics["accuracy"].low <= result.metrics["accuracy"].value <= 1
    history = json.loads(result.to_json())["history"]
    assert history["epoch"] == [1, 2]
    assert "iterations" not in history
    assert len(json.loads(result.to_json(iterations=True))["history"]["iterations"]["loss"]) == 2
    baseline = json.loads(result.to_json())["baseline"]
    assert (baseline["answer"], baseline["accuracy"]) == ("dark", 0.5)
    assert baseline["verdict"] in ("better", "not distinguishable", "worse")
    assert result.baseline.text in render_text(finetuning_parts(result))


def test_another_data_set_may_be_the_test_set(folder, tmp_path):
    (tmp_path / "test" / "dark").mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(tmp_path / "test" / "dark" / "black.png")
    result = finetune_model(load_dataset(folder), tiny(), test=load_dataset(tmp_path / "test"))
    assert (result.n_train, result.n_test) == (20, 1)
    (tmp_path / "test" / "grey").mkdir()
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "test" / "grey" / "grey.png")
    with pytest.raises(DatasetError, match="'grey', which the training set does not have"):
        finetune_model(load_dataset(folder), tiny(), test=load_dataset(tmp_path / "test"))


def test_images_that_are_not_drawn_are_not_forwarded(folder, forwards):
    (folder / "dark" / "bad.png").write_bytes(b"not an image")
    data, trained = load_dataset(folder), tiny(trainable_stages=0, augmentation="none")
    result = finetune_model(data, trained, per_class=4, test_size=0.25, on_error="skip")
    assert (result.n_train, result.n_test, len(result.failures)) == (6, 2, 1)
    assert forwards.since() <= 8
    assert "8 of 20 images drawn by per_class=4" in result.notes
    priced = forecast_finetuning(data, trained, per_class=4, test_size=0.25, on_error="skip")
    assert priced.n_passes < priced.n_images == 21


def test_predictions_name_the_images_of_the_whole_data_set_where_some_are_left_out(folder):
    data = load_dataset(folder)
    for row in (0, 7):
        with open(data.images[row], "wb") as file:
            file.write(b"not an image")
    result = finetune_model(data, tiny(epochs=1), test_size=0.3, on_error="skip")
    table = result.predictions
    assert [data.images[row] for row in table["row"]] == table["path"].tolist()
    assert [data.labels[row] for row in table["row"]] == table["label"].tolist()


def test_balanced_classes_have_weights_by_their_number_of_images(folder):
    for name in ("01.png", "02.png", "03.png", "04.png"):
        (folder / "dark" / name).unlink()
    data = load_dataset(folder)
    balanced = finetune_model(data, tiny(epochs=1, class_weight="balanced"), test_size=0.25)
    weights = {"dark": 12 / (2 * 4), "light": 12 / (2 * 8)}  # 12 images to train on, 4 of them dark
    same = finetune_model(data, tiny(epochs=1, class_weight=weights), test_size=0.25)
    assert balanced.n_train == 12
    assert balanced.history["loss"] == pytest.approx(same.history["loss"])
