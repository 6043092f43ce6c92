"""Promised: IMAGES may come from standard input and patterns, and predictions go to a file, whole or not at all."""

import csv
import json
import os

import pytest
from commands import featx
from featx.cli.image_arguments import named_images
from images import write_dark_and_light

from featx import DatasetError, ParameterError

SMALL = ("--image-size", "32", "--device", "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    write_dark_and_light(root / "photos", 6)
    (root / "photos" / "notes.txt").write_text("text")
    return root


@pytest.fixture(scope="module")
def model(folder):
    run = ("fit", folder / "photos", "-o", folder / "m.skops", "--test-size", "0.5", "--grid", "logistic.C=0.01", "-q")
    featx(*run, *SMALL, "--cache", folder / "cache")
    return folder / "m.skops"


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FEATX_CACHE", str(folder / "cache"))


DARK = [f"photos/dark/{number:02}.png" for number in range(6)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("photos/dark/*.png", DARK),
        ("photos/dark/0[01].png", DARK[:2]),
        ("photos/d*/??.png", DARK),
        ("**/dark/*.png", DARK),
        ("photos/**", [*DARK, *(f"photos/light/{number:02}.png" for number in range(6)), "photos/notes.txt"]),
        ("photos/*k", ["photos/dark"]),
        ("https://example.org/*.png?x=[1]", ["https://example.org/*.png?x=[1]"]),
    ],
)
def test_patterns_stand_for_what_they_match(pattern, found):
    assert named_images([pattern]) == found


@pytest.mark.any_file_name
def test_a_file_of_that_very_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
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
    import io
    import sys

    stream = io.TextIOWrapper(io.BytesIO(given if isinstance(given, bytes) else given.encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    if names is None:
        with pytest.raises(DatasetError, match="no name came from standard input"):
            named_images(["-"])
    else:
        assert named_images(["first.png", "-", "./-"]) == ["first.png", *names, "./-"]


def test_standard_input_that_is_closed_or_no_input_is_told(monkeypatch, tmp_path):
    import sys

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


def test_predict_and_extract_take_both(model, folder):
    listed = featx("predict", model, "-", "--format", "csv", input="\n".join(DARK)).stdout
    assert [row["path"] for row in csv.DictReader(listed.splitlines())] == DARK
    assert featx("predict", model, "photos/dark/*.png", "--format", "csv").stdout == listed
    shown = featx("extract", "-", "photos/light/*.png", "-o", "x.h5", *SMALL, input="\0".join(DARK)).stdout
    assert shown == "x.h5: 12 embeddings of 1,280 features\n"


def test_predictions_go_to_a_file_and_figures_to_the_screen(model, folder):
    result = featx("predict", model, "photos", "-o", "out.csv", "--top", "2")
    assert "out.csv: 12 predictions" in result.stderr
    assert "photos/dark/00.png" not in result.stdout
    assert "judged by 12 labelled images" in result.stdout
    with open("out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows][:6] == DARK
    featx("predict", model, "photos", "-o", "out.json", "--top", "2")
    found = json.loads((folder / "out.json").read_text())
    assert [(p["path"], p["top"][0]["label"]) for p in found] == [(row["path"], row["label"]) for row in rows]
    featx("predict", model, "photos", "-o", "out.jsonl", "--top", "2")
    assert [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()] == found
    featx("predict", model, "photos", "-o", "out.txt", "--format", "csv", "--top", "2")
    assert (folder / "out.txt").read_bytes() == (folder / "out.csv").read_bytes()


def test_a_file_is_replaced_when_there_are_predictions(model, folder, monkeypatch):
    (folder / "kept.csv").write_text("older")

    def broken(*args, **options):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("featx.workflows.predict.predict_images", broken)
        with pytest.raises(ZeroDivisionError):
            featx("predict", model, "photos", "-o", "kept.csv")
    assert (folder / "kept.csv").read_text() == "older"
    assert [path.name for path in folder.glob("*tmp*")] == []
    (folder / "other.csv").mkdir()
    assert "other.csv" in featx("predict", model, "photos", "-o", "other.csv", code=2).stderr


def test_missing_files_are_named_before_the_network_runs(model, forwards):
    given = ("predict", model, "nosuch.png", "photos/dark/00.png", "neither.png")
    said = featx(*given, code=2).stderr
    assert "2 of 3 images do not exist: nosuch.png, neither.png" in said
    assert "--on-error skip" in said
    assert forwards.count == 0
    skipped = featx(*given, "--on-error", "skip", "--format", "csv")
    assert [row["path"] for row in csv.DictReader(skipped.stdout.splitlines())] == ["photos/dark/00.png"]
    assert "skipped nosuch.png: No such file or directory" in skipped.stderr
    none = featx("predict", model, "nosuch.png", "neither.png", "--on-error", "skip", code=2).stderr
    assert "2 of 2 images do not exist" in none
