"""Promised: the images are those of the result, or it is refused."""

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
    assert set(found.parts) == {"images"}


def test_another_data_set_is_refused():
    result = drawn_result(12)
    dataset = images_of(result)
    assert len(ReportedImages.of(result.predictions, dataset, None).sources) == 12
    with pytest.raises(ParameterError, match="it has 5 images, and row 11 was tested"):
        ReportedImages.of(result.predictions, dataset.take(range(5)), None)
    with pytest.raises(ParameterError, match=r"the label of image|is 'photo 11' and was 'photo 0'"):
        ReportedImages.of(result.predictions, dataset.take(range(11, -1, -1)), None)
