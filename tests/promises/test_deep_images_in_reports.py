"""Promised: reports show images of more than 8 bits as the network saw them, by `--value-range`."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from commands import NETWORK, featx

DEEP = ("--value-range", "0,4095", *NETWORK)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of images in 16 bits of which 12 are used, as cameras write them."""
    folder, rng = tmp_path_factory.mktemp("deep"), np.random.default_rng(0)
    for name, low in (("grey", 1500), ("white", 3000)):
        (folder / name).mkdir()
        for number in range(12):
            pixels = rng.integers(low, low + 1000, (16, 16)).astype(np.uint16)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    (folder / "white" / "copy.png").write_bytes((folder / "white" / "00.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "m.skops"
    featx("fit", folder, "-o", file, *DEEP, "--head", "knn", "--cv", "2", "-q", "--report", file.with_suffix(".html"))
    return file


@pytest.mark.parametrize("command", ["fit", "predict", "compare", "audit"])
def test_no_thumbnail_is_black(command, folder, model, tmp_path):
    page = tmp_path / "a.html"
    if command == "fit":
        page = model.with_suffix(".html")
    elif command == "predict":
        featx("predict", model, folder, "--report", page)
    elif command == "compare":
        strategies = ("--strategy", "frozen:knn", "--repeats", "1", "--no-transfer")
        featx("compare", folder, *strategies, *DEEP, "--report", page)
    else:
        featx("audit", folder, *DEEP, "--head", "knn", "--cv", "2", "--report", page)
    (found,) = re.findall(r'id="report-data">(.*?)</script>', page.read_text(encoding="utf-8"))
    thumbnails = json.loads(found)["thumbnails"].values()
    brightness = [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).mean() for text in thumbnails]
    assert len(brightness) > 1
    assert min(brightness) > 80  # read as 16 bits they have 13 at most
