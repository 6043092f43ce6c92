"""What tests of data sets share: a folder with images that manifests name."""

import pytest

from dataset_files import write_files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two images, the current one, and another two in sub/."""
    monkeypatch.chdir(write_files(tmp_path, "a.png", "b.png", "sub/c.png", "sub/d.png"))
    return tmp_path
