"""Promised: images that cannot be read are listed by index with the reason, and an error names the first of them."""

import numpy as np

from featx import as_sources
from featx.images.failures import Failure, find_unreadable, first_reason

GOOD = np.zeros((4, 4, 3), np.uint8)


def test_images_that_cannot_be_read_are_listed_in_order_with_the_reasons():
    images = as_sources(
        [b"\xff\xd8\xff", GOOD, None, GOOD, np.full((2, 9), np.nan)], names=["jpeg", "a", "none", "b", "grey"]
    )
    found = find_unreadable(images)
    assert [(failure.index, failure.name) for failure in found] == [(0, "jpeg"), (2, "none"), (4, "grey")]
    assert [failure.reason.partition(" ")[0] for failure in found] == ["a", "there", "contains"]
    assert find_unreadable(as_sources([GOOD])) == []


def test_an_error_ends_with_the_first_failure_and_the_number_of_others():
    failures = [Failure(7, "b.png", "truncated."), Failure(2, "a.png", "the file is empty")]
    assert first_reason(failures) == "The first is a.png: the file is empty, and 1 more."
    assert first_reason(failures[:1]) == "The first is b.png: truncated."
