"""Promised: names in options are checked before anything is loaded, as the library would check them."""

import json
import zipfile

import pytest
from featx.cli.checks import check_model_files
from images import write_images

from featx.exceptions import ModelFileError


@pytest.mark.parametrize("first", ["photos", "photos/dark/0.png", "nosuch"])
def test_a_model_that_is_passed_last_is_told_to_come_first(first, tmp_path, monkeypatch):
    monkeypatch.chdir(write_images(tmp_path, "photos/dark/0.png", "photos/dark/1.png"))
    model, classes = tmp_path / "m.skops", '{"classes": ["a", "b"]}'
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("schema.json", json.dumps({"content": {"featx": {"content": json.dumps(classes)}}}))
    with pytest.raises(ModelFileError, match="the model comes first") as caught:
        check_model_files(first, [], images=["photos/dark/1.png", str(model)])
    assert caught.value.next_step == f"`featx predict {model} photos/dark/1.png {first}`"
    with pytest.raises(ModelFileError, match=f"^(cannot read )?{first} is |^cannot read {first}:"):
        check_model_files(first, [], images=["photos/dark/1.png"])
