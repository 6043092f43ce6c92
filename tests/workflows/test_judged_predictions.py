"""Promised: predictions of labelled images are judged by their labels, and output for programs stays as it is."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest

from commands import featx
from featx import ImageDataset, predict_images
from featx.evaluation.metrics import score_answers, score_predictions
from featx.evaluation.thresholds import Decision
from featx.workflows.judged_predictions import judge_predictions
from featx.workflows.predict import Prediction, Predictions
from wilson import assert_wilson

NETWORK = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32")


def answers(text, *, classes="abc", rows=None):
    found = [Prediction(f"{row}.png", ((answer, 0.9), ("a", 0.1))) for row, answer in enumerate(text)]
    return Predictions(found, rows=list(range(len(text))) if rows is None else rows, classes=list(classes))


def labelled(text, **more):
    names = [f"{row}.png" for row in range(len(text))]
    return ImageDataset(list(names), names, np.array(list(text)), **more)


def test_the_figures_are_those_of_the_labels():
    found = judge_predictions(answers("aabbcbab"), labelled("aaabcbbb"))
    assert found.n_test == 8
    assert_wilson(found.metrics["accuracy"], 6, 8)
    truth, given = (np.array(["abc".index(x) for x in text]) for text in ("aaabcbbb", "aabbcbab"))
    assert found.metrics == score_answers(truth, given, n_classes=3)
    assert found.confusion_matrix == [[2, 1, 0], [1, 3, 0], [0, 0, 1]]
    assert [row["support"] for row in found.per_class] == [3, 4, 1]
    assert (found.baseline.answer, found.baseline.accuracy) == ("b", 0.5)
    assert found.protocol == "judged by 8 labelled images"
    assert "if the model was fitted on these images, the figures say nothing about others" in found.notes


def test_with_probabilities_there_are_all_metrics_and_the_surest_mistakes():
    given = answers("abb", rows=[0, 2, 3])
    given.probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3]])
    given.embeddings = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = judge_predictions(given, labelled("azab"))
    assert found.rows.tolist() == [0, 2, 3]
    np.testing.assert_array_equal(found.embeddings, given.embeddings)
    assert not {"embeddings", "rows", "predictions"} & set(found.to_dict())
    assert found.metrics == score_predictions(np.array([0, 0, 1]), given.probabilities)
    assert found.predictions["path"].tolist() == ["0.png", "2.png", "3.png"]
    assert found.predictions.surely_wrong()["probability"].tolist() == [0.7]
    # A tuned threshold predicts another class than the most probable one.
    given.probabilities = given.probabilities[:, [1, 0, 2]]
    assert judge_predictions(given, labelled("azab")).metrics == score_answers(
        np.array([0, 0, 1]), np.array([0, 1, 1]), n_classes=3
    )


def test_a_threshold_that_gives_accuracy_away_is_not_blamed_for_it():
    """Of 10 rare images 9 are found, with 20 false alarms: right less often than who never answers the rare class."""
    truth = "r" * 10 + "c" * 90
    given = answers("r" * 9 + "c" + "r" * 20 + "c" * 70, classes="cr")
    own = np.array([0.4 if prediction.top[0][0] == "r" else 0.1 for prediction in given])
    given.probabilities = np.stack([1 - own, own], axis=1)
    given.positive, given.decision = "r", Decision("r", 0.3, operating_point="sensitivity=0.9")
    found = judge_predictions(given, labelled(truth))
    assert found.metrics["accuracy"].value == pytest.approx(0.79)
    assert (found.baseline.accuracy, found.baseline.metric, found.baseline.value) == (0.9, "balanced_accuracy", 0.5)
    assert found.baseline.verdict == "better"


def test_images_of_unknown_classes_are_counted_and_left_out(remarks):
    found = judge_predictions(answers("aabbab"), labelled("aabzyz"))
    assert (found.n_test, found.metrics["accuracy"].value) == (3, 1.0)
    assert "3 more images are of 2 classes that the model does not know ('y', 'z') and cannot predict" in found.notes
    assert judge_predictions(answers("aab"), labelled("xyz")) is None
    assert remarks() == [
        "nothing is judged: no label of the 3 images is a class of the model ('x', 'y', 'z')",
    ]
    assert judge_predictions(answers("aab"), ImageDataset(["1.png"] * 3, ["1.png"] * 3)) is None


@pytest.mark.parametrize(
    ("parts", "judged"), [(("training", "test"), "test"), (("training", "validation"), "validation")]
)
def test_of_a_split_the_part_that_judges_is_judged(parts, judged):
    data = labelled("aabb" + "ab", split=np.repeat(parts, [4, 2]))
    found = judge_predictions(answers("bbaa" + "ab"), data)
    assert (found.n_test, found.metrics["accuracy"].value) == (2, 1.0)
    assert found.protocol == f"judged by 2 labelled images of the {judged} part"
    assert not any("fitted on these" in note for note in found.notes)


def test_images_that_were_not_predicted_do_not_move_the_others(remarks):
    data = labelled("aabbcc")
    found = judge_predictions(answers("abcc", rows=[0, 2, 4, 5]), data)
    assert (found.n_test, found.metrics["accuracy"].value) == (4, 1.0)
    data = dataclasses.replace(data, split=np.repeat(["training", "test"], [4, 2]))
    assert judge_predictions(answers("abb", rows=[0, 2, 3]), data) is None
    assert remarks() == ["nothing is judged: none of the images of the test part can be read"]


def test_groups_widen_the_interval():
    text = "ab" * 30
    given = "".join(x if place % 20 > 3 else "b" for place, x in enumerate(text))
    plain = judge_predictions(answers(given), labelled(text)).metrics["accuracy"]
    grouped = judge_predictions(answers(given), labelled(text, groups=np.arange(60) // 10)).metrics["accuracy"]
    assert grouped.value == plain.value
    assert grouped.high - grouped.low > plain.high - plain.low


def test_the_commands_use_a_split_folder_as_what_it_is(folder, tmp_path):
    model = tmp_path / "m.skops"
    fitted = featx("fit", folder, "-o", model, *NETWORK, "--grid", "logistic.C=0.01")
    assert "held-out test set of 12 images, the test part of the given split" in fitted.stdout
    assert "fitted on 24 images" in fitted.stdout
    shown = featx("predict", model, folder).stdout
    table, _, figures = shown.partition("\n\n")
    assert len(table.splitlines()) == 2 + 36
    assert figures.startswith("judged by 12 labelled images of the test part; figures with 95 % intervals")
    for words in ("accuracy", "macro F1", "always answering one of the 2 largest classes", "true classes in rows"):
        assert words in figures
    alone = featx("predict", model, folder / "test").stdout
    assert "judged by 12 labelled images; figures" in alone
    for form, rows in (("csv", lambda text: list(csv.DictReader(io.StringIO(text)))), ("json", json.loads)):
        done = featx("predict", model, folder, "--format", form)
        assert len(rows(done.stdout)) == 36
        assert "judged by 12 labelled images" not in done.stdout
        assert "judged by 12 labelled images" in done.stderr
        assert "judged" not in featx("predict", model, folder, "--format", form, "--quiet").output
    bare = featx("predict", model, folder / "test" / "dark" / "0.png").output
    assert "judged" not in bare
    trained = featx(
        *("finetune", folder, "-o", tmp_path / "t.skops", *NETWORK, "--epochs", "1", "--augmentation", "none"),
    )
    assert "trained on 16, stopped by the 8 of the validation part" in trained.stdout
    compared = featx("compare", folder, "--strategy", "frozen:knn", *NETWORK, "--no-transfer")
    assert "one given test set of 12 images, the test part of the given split" in compared.stdout


def test_predictions_are_a_list_that_knows_its_rows_and_classes(folder, tmp_path):
    featx("fit", folder / "train", "-o", tmp_path / "m.skops", *NETWORK, "--grid", "logistic.C=0.01", "--cv", "2")
    images = [np.zeros((32, 32, 3), np.uint8), "/nowhere.png", np.full((32, 32, 3), 255, np.uint8)]
    data = ImageDataset(images, ["one", "two", "three"], np.array(["dark", "light", "light"]))
    found, extraction = predict_images(tmp_path / "m.skops", data, on_error="skip")
    assert isinstance(found, list)
    assert (found.rows, found.classes, [p.name for p in found]) == ([0, 2], ["dark", "light"], ["one", "three"])
    assert len(extraction.failures) == 1
    assert judge_predictions(found, data).n_test == 2
