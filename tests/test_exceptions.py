"""Promised: an error names what it is about once, and in bearable length."""

import pytest

from featx.exceptions import ImageDecodeError


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("image 12", "cannot read image 12: "),
        ("image.png", "cannot read image image.png: "),
        ("image 12.png", "cannot read image image 12.png: "),
        (" ", "cannot read image ' ': "),
        ("", "cannot read image '': "),
        ("a" * 500 + "b" * 5000, f"cannot read image {'a' * 100}...{'b' * 100}: "),
    ],
)
def test_messages_name_an_image_once_and_in_bearable_length(name, shown):
    error = ImageDecodeError(name, "a reason", "A step.")
    assert str(error) == f"{shown}a reason. A step."
    assert error.name == name
