"""Promised: `featx audit` prints what it finds, writes groups that `fit` keeps together, and can end with code 1."""

import json
import shutil

from commands import NETWORK, featx


def test_groups_of_images_without_files_are_refused_before_any_is_read(tmp_path):
    result = featx("audit", "sample:digits", "--write-groups", tmp_path / "groups.csv", code=2)
    assert "in memory have no path" in result.stderr


def test_an_audit_prints_writes_and_ends_with_1_where_something_is_found(folder, tmp_path):
    data, groups = tmp_path / "data", tmp_path / "groups.csv"
    shutil.copytree(folder, data)
    first = sorted((data / "zero").iterdir())[0]
    shutil.copy(first, data / "one" / "again.png")
    options = ("--cv", "3", *NETWORK)
    result = featx("audit", data, "--write-groups", groups, "--json", "-", "--strict", *options, code=1)
    found = json.loads(result.stdout)
    assert [pair["kind"] for pair in found["pairs"]] == ["copy"]
    assert {image["label"] for image in found["pairs"][0]["images"]} == {"one", "zero"}
    assert len(groups.read_text().splitlines()) == 42
    result = featx("audit", data, "--report", tmp_path / "report.html", *options)
    assert "report written" in result.stderr
    assert '<section id="pairs"' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "labels differ" in result.stdout
    assert any(
        text in result.stdout.replace("\n ", "")
        for text in ("points are leakage", "cannot be told from none", "none of it by near-duplicates")
    )
    result = featx("fit", groups, "-o", tmp_path / "m.skops", "--grid", "logistic.C=0.01", *options)
    assert "whole groups on one side" in result.stdout


def test_images_that_cannot_be_read_are_listed_whatever_on_error_is(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "photos")  # the other is shared by the tests
    bad = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    bad.write_bytes(b"no image")
    for more in ((), ("--on-error", "skip", "--strict")):
        file = tmp_path / f"failures{len(more)}.json"
        said = featx("audit", folder, "--cv", "2", "--failures", file, *more, *NETWORK, code=1 if more else 0)
        (failure,) = json.loads(file.read_text())
        assert failure["path"].endswith(bad.name)
        assert "not an image" in failure["reason"]
        assert "has no effect" not in said.stderr
