"""Promised: the page of a comparison shows the matrix and the mistakes of each strategy, and where all is from."""

from dataclasses import replace

import numpy as np

from featx.comparison.strategy_traits import StrategyTraits
from featx.datasets.dataset import ImageDataset
from featx.html_report.comparison_report import NO_MAP, comparison_content
from featx.html_report.confusion_grid import WHOLE
from reported import SIX, drawn_comparison


def content_of(result, *, dataset=None, max_bytes=10**6):
    return comparison_content(result, dataset, None, title=None, command=None, max_bytes=max_bytes)


def images_behind(result, *, side=12):
    """Return the data set of a drawn comparison."""
    table = result.sizes[-1].strategies[0].predictions
    labels = np.array([table.classes[0]] * result.n_images, dtype=object)
    labels[table.rows] = [table.classes[number] for number in table.truth]
    images = list(np.random.default_rng(0).integers(0, 255, (len(labels), side, side, 3), dtype=np.uint8))
    return ImageDataset(images, [f"photo {k}" for k in range(len(labels))], labels=labels)


def test_each_strategy_has_its_matrix_and_its_mistakes():
    result = drawn_comparison()
    content, data = content_of(result, dataset=images_behind(result))
    assert [one["name"] for one in content["confusions"]] == ["frozen", "a <b>"]
    assert [one["name"] for one in data["models"]] == ["frozen", "a <b>"]
    for strategy, model in zip(result.sizes[0].strategies, data["models"], strict=True):
        table = strategy.predictions
        assert model["orders"]["wrong"] == np.flatnonzero(table.truth != table.answers)[
            np.argsort(-table["probability"][table.truth != table.answers], kind="stable")].tolist()  # fmt: skip
    # A row that two repeats tested has its thumbnail once.
    rows = result.sizes[0].strategies[0].predictions.rows
    assert len(data["thumbnails"]) == len(set(rows.tolist())) < len(rows)
    assert {data["images"]["picture"][place] for place in data["thumbnails"]} == set(data["thumbnails"])
    assert content["no_map"] == NO_MAP
    assert content["data_set"]["columns"] == ["never tested", "tested in a repeat", "in all"]


def test_recalls_are_those_of_the_matrices_the_hardest_class_first():
    result = drawn_comparison()
    table = content_of(result)[0]["per_class"]["table"]
    assert table["header"] == ["class", "images", "frozen", "a <b>"]
    means = []
    for row in table["rows"]:
        number = SIX.index(row[0]["name"])
        for cell, strategy in zip(row[2:], result.sizes[0].strategies, strict=True):
            matrix = strategy.confusion
            assert cell["key"] == matrix[number, number] / matrix[number].sum()
        means.append(np.mean([cell["key"] for cell in row[2:]]))
    assert means == sorted(means)


def test_of_many_classes_the_whole_matrix_is_that_of_the_strategy_to_use():
    classes = [f"class {k}" for k in range(WHOLE + 5)]
    result = drawn_comparison(classes=classes)
    found = {one["name"]: one for one in content_of(result)[0]["confusions"]}
    assert len(found["frozen"]["rows"]) == len(classes)
    assert found["a <b>"]["rows"] == []
    assert found["a <b>"]["pairs"]


def test_network_weights_and_time_by_part_are_said():
    result = drawn_comparison()
    (size,) = result.sizes
    traits = StrategyTraits("resnet50", 224, 1e-4, 1e-3, 6, weights_digest="abc123")
    history = {"epoch": [1, 2], "loss": [2.0, 1.0], "val_loss": [2.5, 2.0]}
    first = replace(size.strategies[0], traits=traits, histories=[history, history], best_epochs=[2, 2])
    result.sizes = [replace(size, strategies=[first, *size.strategies[1:]])]
    content, _ = content_of(result)
    said = dict(content["provenance"])["strategy frozen"]
    assert "resnet50; weights abc123; 224 pixels a side; learning rate 0.0001; of the head 0.001" in said
    assert "time extraction 30 s, training 30 s, prediction 1.0 s" in said
    (training,) = content["trainings"]
    assert training["name"] == "frozen"
    assert "the first repeat; epoch 2 of 2 was kept" in training["text"]


def test_a_comparison_without_predictions_shows_its_figures():
    result = drawn_comparison()
    (size,) = result.sizes
    result.sizes = [replace(size, strategies=[replace(s, predictions=None, confusion=None) for s in size.strategies])]
    content, data = content_of(result)
    assert data["images"] is None
    assert "confusions" not in content
