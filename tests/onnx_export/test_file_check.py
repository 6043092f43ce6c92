"""The comparison of a file with featx: what is accepted, what is refused, with the figures."""

import numpy as np
import pytest

from featx.exceptions import ModelFileError
from featx.onnx_export.file_check import answers, check_answers

EXPECTED = np.array([[0.9, 0.1], [0.5004, 0.4996], [0.2, 0.8]])


def check(given, tolerance=1e-3):
    return check_answers(EXPECTED, np.asarray(given), n_images=3, tolerance=tolerance)


def test_small_differences_are_accepted_and_told():
    found = check(EXPECTED + [[5e-4, -5e-4], [0, 0], [0, 0]])
    assert found.largest_difference == pytest.approx(5e-4)
    assert (found.n_images, found.n_differing, found.tolerance) == (3, 0, 1e-3)


def test_another_class_is_accepted_only_without_a_margin():
    other = EXPECTED.copy()
    other[1] = other[1, ::-1]
    assert check(other).n_differing == 1
    # Within the tolerance, and yet another class by a clear margin.
    with pytest.raises(ModelFileError, match="1 have another class"):
        check_answers(np.array([[0.6, 0.4]]), np.array([[0.45, 0.55]]), n_images=1, tolerance=0.16)


@pytest.mark.parametrize("wrong", [0.002, np.nan])
def test_larger_differences_are_refused(wrong):
    given = EXPECTED.copy()
    given[0, 0] += wrong
    with pytest.raises(ModelFileError, match="on 3 images a probability differs by up to") as caught:
        check(given)
    assert "accepted: 0.001" in str(caught.value)


class Session:
    """Answers the mean of an image, and the number of images that were passed with it."""

    class Input:
        name = "image"

    def get_inputs(self):
        return [self.Input]

    def run(self, names, given):
        (batch,) = given.values()
        return [np.stack([batch.mean(axis=(1, 2, 3)), np.full(len(batch), len(batch))], axis=1)]


def test_images_are_passed_alone_and_those_of_one_size_together():
    images = [np.full(size, value, np.uint8) for value, size in enumerate([(1, 1, 3), (2, 2, 3), (1, 1, 3)])]
    found, rows = answers(Session(), images)
    assert rows == [0, 1, 2, 0, 2]
    assert found.tolist() == [[0, 1], [1, 1], [2, 1], [0, 2], [2, 2]]
    assert answers(Session(), images[:2])[1] == [0, 1, 0, 0]
