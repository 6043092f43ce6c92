"""Promised: the validation part alone chooses the threshold of a fine-tuned network, and it decides from then on."""

import numpy as np
import pytest
from PIL import Image

from featx import CNNFineTuneClassifier, DatasetError, ParameterError, finetune_model, load_dataset, predict_images
from featx.evaluation.operating_point import parse_operating_point
from featx.evaluation.thresholds import Decision, choose_threshold
from featx.finetuning import fit
from featx.finetuning.validation_part import hold_out_validation
from featx.workflows.finetune import plan_finetuning

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32, "epochs": 1, "head_init": "logistic"}
POINT = {"positive": "dark", "operating_point": "sensitivity=0.7"}


@pytest.fixture
def noise(tmp_path):
    """Two classes that overlap, with two copies of the first image."""
    rng, folder = np.random.default_rng(0), tmp_path / "noise"
    for name, low in (("dark", 0), ("light", 25)):
        (folder / name).mkdir(parents=True)
        for number in range(24):
            pixels = rng.integers(low, low + 120 + 40 * (number % 3), (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    for number in (30, 31):
        (folder / "dark" / f"{number}.png").write_bytes((folder / "dark" / "00.png").read_bytes())
    return load_dataset(folder)


def classifier(**more):
    return CNNFineTuneClassifier(**TINY, validation_fraction=0.4, **more)


def test_the_rows_that_choose_are_those_that_stopped_the_training(noise, monkeypatch):
    held = []

    def recorded(targets, classes, **options):
        rows = hold_out_validation(targets, classes, **options)
        held.append(rows[1])
        return rows

    monkeypatch.setattr(fit, "hold_out_validation", recorded)
    result = finetune_model(noise, classifier(), **POINT)
    validation = result.train_rows[held[-1]]
    p = result.model.predict_proba([noise.images[row] for row in validation])[:, 0]
    own = np.asarray(noise.labels)[validation] == "dark"
    expected = choose_threshold(own, p, parse_operating_point("sensitivity=0.7"), name="dark")
    assert result.model.decision.threshold == pytest.approx(expected.threshold)
    assert not set(validation) & set(result.predictions.rows)
    table = result.predictions
    flagged = table["probabilities"][:, 0] >= expected.threshold
    assert np.array_equal(table["predicted"] == "dark", flagged)
    point = result.operating_point
    assert point.chosen_on == pytest.approx(expected.figures)
    assert point.reached["sensitivity"].value == pytest.approx(flagged[table["label"] == "dark"].mean())


def test_a_saved_model_predicts_by_its_threshold_until_it_is_fitted_again(noise, tmp_path):
    result = finetune_model(noise, classifier(), **POINT)
    model = result.model
    # The most probable class is another one for some of these.
    model.decide_by(Decision("dark", float(np.quantile(model.predict_proba(noise.images)[:, 0], 0.9))))
    result.save(tmp_path / "m.skops")
    found, _ = predict_images(tmp_path / "m.skops", noise, top=2)
    p = found.probabilities[:, 0]
    assert ((p > 0.5) != (p >= model.decision.threshold)).any()
    assert [one.top[0][0] == "dark" for one in found] == (p >= model.decision.threshold).tolist()
    assert (found.decision, found.positive) == (model.decision, "dark")
    assert all(one.top[0][1] == pytest.approx(p[i] if one.top[0][0] == "dark" else 1 - p[i])
               for i, one in enumerate(found))  # fmt: skip
    assert model.predict(noise.images[:6]).tolist() == [one.top[0][0] for one in found[:6]]
    model.fit(noise.images, noise.labels)
    assert model.decision is None


def test_what_cannot_choose_a_threshold_is_refused_before_an_image_is_read(noise, tmp_path):
    for path in noise.images:
        open(path, "w").close()
    with pytest.raises(ParameterError, match="early_stopping=False, which holds out no validation part"):
        plan_finetuning(noise, classifier(early_stopping=False), **POINT)
    with pytest.raises(ParameterError, match="got positive='drak', which is not a class"):
        plan_finetuning(noise, classifier(), positive="drak")
    with pytest.raises(ParameterError, match="without the class"):
        plan_finetuning(noise, classifier(), operating_point="cost=1:1")


def test_a_validation_part_without_the_class_is_refused(folder):
    for path in (folder / "val" / "dark").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="validation part has no images of 'dark'"):
        plan_finetuning(load_dataset(folder), classifier(), **POINT)
