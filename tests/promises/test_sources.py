"""Promised: IMAGES may come from standard input and patterns, and predictions go to a file, whole or not at all."""

import csv
import json

import pytest

from commands import featx
from images import write_dark_and_light

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
