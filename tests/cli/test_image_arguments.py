"""Promised: IMAGES may be names, patterns that match files, and names on standard input."""

import io
import os
import sys

import pytest

from featx import DatasetError, ParameterError
from featx.cli.image_arguments import named_images
from images import write_images

DARK, LIGHT = ([f"photos/{name}/{number:02}.png" for number in range(6)] for name in ("dark", "light"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Twelve images in folders below the current one, and a file that is none."""
    write_images(tmp_path, *DARK, *LIGHT)
    (tmp_path / "photos" / "notes.txt").write_text("text")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("photos/dark/*.png", DARK),
        ("photos/dark/0[01].png", DARK[:2]),
        ("photos/d*/??.png", DARK),
        ("**/dark/*.png", DARK),
        ("photos/**", [*DARK, *LIGHT, "photos/notes.txt"]),
        ("photos/*k", ["photos/dark"]),
        ("https://example.org/*.png?x=[1]", ["https://example.org/*.png?x=[1]"]),
    ],
)
def test_patterns_stand_for_what_they_match(pattern, found):
    assert named_images([pattern]) == found


@pytest.mark.any_file_name
def test_a_file_of_that_very_name_wins(tmp_path):
    for name in ("a[1].png", "a1.png", "*.png"):
        (tmp_path / name).touch()
    assert named_images(["a[1].png"]) == ["a[1].png"]
    assert named_images(["*.png"]) == ["*.png"]
    assert named_images(["?[1].png"]) == ["a1.png"]


@pytest.mark.parametrize("pattern", ["photos/*.webp", "photo/*.png", "[x]*", "photos/dark/**/x*"])
def test_a_pattern_that_matches_nothing_is_named(pattern):
    with pytest.raises(DatasetError, match="no file matches"):
        named_images([pattern])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("a.png\nb c.png\n", ["a.png", "b c.png"]),
        ("a.png\r\nb.png\r\n\r\n", ["a.png", "b.png"]),
        ("a\nb.png\0c.png\0", ["a\nb.png", "c.png"]),
        (" a.png \n*.png", [" a.png ", "*.png"]),
        (b"\xe9.png\n", [os.fsdecode(b"\xe9.png")]),
        ("\n", None),
        ("", None),
    ],
    ids=["lines", "of Windows", "NUL", "as they are", "bytes", "blank", "empty"],
)
def test_names_come_from_standard_input(given, names, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(given if isinstance(given, bytes) else given.encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    if names is None:
        with pytest.raises(DatasetError, match="no name came from standard input"):
            named_images(["-"])
    else:
        assert named_images(["first.png", "-", "./-"]) == ["first.png", *names, "./-"]


def test_standard_input_that_is_closed_or_no_input_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DatasetError, match=r"standard input is closed\. Write names of images to it"):
        named_images(["-"])
    with open(tmp_path / "out", "w") as stream:
        monkeypatch.setattr(sys, "stdin", open(stream.fileno(), closefd=False))  # noqa: SIM115
        with pytest.raises(DatasetError, match="standard input cannot be read: Bad file descriptor"):
            named_images(["-"])


def test_standard_input_is_read_once():
    with pytest.raises(ParameterError, match="twice"):
        named_images(["-", "-"])
