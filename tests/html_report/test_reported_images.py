"""Promised: the images are those of the result, or it is refused."""

import dataclasses

import numpy as np
import pytest

from featx.exceptions import ParameterError
from featx.html_report.reported_images import ReportedImages
from reported import drawn_result, images_of


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
