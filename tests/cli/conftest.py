"""What tests of commands share: a folder of images in two classes."""

import pytest

from images import write_digits


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Forty digits, zeros and ones, in a folder of classes."""
    return write_digits(tmp_path_factory.mktemp("digits"))
