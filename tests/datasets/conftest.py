"""What tests of data sets share: a folder with images that manifests name."""

import pytest
from dataset_files import write_files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two images, the current one, and another two in sub/."""
    monkeypatch.chdir(write_files(tmp_path, "a.png", "b.png", "sub/c.png", "sub/d.png"))
    return tmp_path


@pytest.fixture
def remarks(caplog, monkeypatch):
    """Return a function that returns the remarks to the user that were logged so far."""
    monkeypatch.setattr("featx.display.notes._logged", set())
    return lambda: [record.getMessage() for record in caplog.records if record.name == "featx"]
