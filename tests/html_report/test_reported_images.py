"""Promised: the images are those of the result, or it is refused."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import Pipeline

from featx import CNNFeatureTransformer
from featx.comparison.strategy_traits import StrategyTraits
from featx.exceptions import ParameterError
from featx.html_report.reported_images import ReportedImages, value_range_of
from reported import audit_of, drawn_comparison, drawn_result, images_of


def test_without_a_data_set_files_are_found_by_their_paths(tmp_path):
    result = drawn_result(12)
    assert len(ReportedImages.of(result.predictions, None, None).sources) == 0
    images_of(result, tmp_path)
    found = ReportedImages.of(result.predictions, None, None)
    assert [source.path for source in found.sources] == list(result.predictions.names)
    assert set(found.parts) == {"cross-validated"}


def test_parts_are_those_of_the_split_where_it_was_used_and_else_what_is_known():
    result = drawn_result(12)
    dataset, table = images_of(result), result.predictions.take(np.arange(8, 12))
    assert ReportedImages.of(table, dataset, None).parts == ["not tested"] * 8 + ["cross-validated"] * 4
    some = ReportedImages.of(table, dataset, None, trained=np.arange(5)).parts
    assert some == ["trained on"] * 5 + ["not used"] * 3 + ["cross-validated"] * 4
    for split in (["training"] * 8 + ["test"] * 4, ["training"] * 4 + ["test"] * 4 + ["validation"] * 4):
        known = dataclasses.replace(dataset, split=np.array(split, dtype=object))
        assert ReportedImages.of(table, known, None).parts == split
    # Another test set was drawn in place of the split.
    known = dataclasses.replace(dataset, split=np.array(["test"] * 6 + ["training"] * 6, dtype=object))
    assert "training" not in ReportedImages.of(table, known, None, trained=np.arange(8)).parts


def test_another_data_set_is_refused():
    result = drawn_result(12)
    dataset = images_of(result)
    assert len(ReportedImages.of(result.predictions, dataset, None).sources) == 12
    with pytest.raises(ParameterError, match="it has 5 images, and row 11 was tested"):
        ReportedImages.of(result.predictions, dataset.take(range(5)), None)
    with pytest.raises(ParameterError, match=r"the label of image|is 'photo 11' and was 'photo 0'"):
        ReportedImages.of(result.predictions, dataset.take(range(11, -1, -1)), None)


def deep_images(n):
    """Return images of 16 bits that use 12 of them."""
    return [np.full((8, 8), value, np.uint16) for value in np.linspace(0, 4095, n)]


@pytest.mark.parametrize("files", [False, True])
def test_images_of_more_than_8_bits_are_read_as_the_result_read_them(files, tmp_path):
    result = drawn_result(12)
    dataset = dataclasses.replace(images_of(result), images=deep_images(12))
    if files:
        names = [str(tmp_path / f"{row}.png") for row in range(12)]
        for name, image in zip(names, dataset.images, strict=True):
            Image.fromarray(image).save(name)
        result.predictions, dataset = result.predictions.named(names), None
    for value_range, white in ((None, 16), ((0, 4095), 255)):
        images = ReportedImages.of(result.predictions, dataset, None, value_range=value_range)
        assert images.sources[11].load()[1].max() == white


def test_the_range_of_a_result_is_that_of_its_model_its_strategies_or_itself():
    assert value_range_of(drawn_result(12)) is None
    assert value_range_of(dataclasses.replace(audit_of(), value_range=(0, 4095))) == (0, 4095)
    comparison = drawn_comparison()
    assert value_range_of(comparison) is None
    (size,) = comparison.sizes
    first, second = size.strategies
    second = dataclasses.replace(second, traits=StrategyTraits(value_range="minmax"))
    comparison.sizes = [dataclasses.replace(size, strategies=[first, second])]
    assert value_range_of(comparison) == "minmax"
    transformer = CNNFeatureTransformer(value_range=(0, 1023))
    fitted = SimpleNamespace(model=Pipeline([("features", transformer), ("head", None)]))
    assert value_range_of(fitted) == (0, 1023)
