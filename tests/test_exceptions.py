"""Promised: an error names what it is about once, and in bearable length."""

import pytest

from featx.exceptions import ImageDecodeError, nearest, nearest_path


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


def test_the_nearest_name_and_path(tmp_path):
    (tmp_path / "Photos").mkdir()
    assert nearest("c", ["C", "gamma"]) == "Did you mean C?"
    assert nearest_path(tmp_path / "photos") == f"Did you mean {tmp_path / 'Photos'}?"
    assert nearest_path(tmp_path / "photos" / "x" / "y.png") == f"Did you mean {tmp_path / 'Photos'}?"
    assert nearest_path(tmp_path / "something else") == ""
    for name in ("mk.py", "p.csv"):
        (tmp_path / name).touch()
    assert [nearest_path(tmp_path / name) for name in ("empty", "csv.p", "pypy")] == ["", "", ""]
    assert nearest_path(tmp_path / "p.cvs") == f"Did you mean {tmp_path / 'p.csv'}?"
