"""Promised: no output of a command takes the place of what the command reads, or of another output."""

import os
import zipfile

import pytest
from click.testing import CliRunner
from PIL import Image

from featx.cache import EmbeddingSpec
from featx.cache.folder import write_spec
from featx.cli import main
from featx.cli.overwrites import check_overwrites

PREDICT = ("predict", "m.skops", "photos")
TUNE = ("finetune", "photos")
# What is typed, the file that would be lost, and what it is.
LOSSES = {
    ("predict", "m.skops", "photos", "-o", "m.skops", "--format", "csv"): ("m.skops", "both as MODEL and as -o"),
    ("predict", "m.skops", "list.csv", "-o", "list.csv"): ("list.csv", "both as IMAGES and as -o"),
    ("predict", "m.skops", "list.*", "-o", "linked.csv"): ("list.csv", "(list.csv is the same file)"),
    (*PREDICT, "--weights", "w.json", "-o", "w.json"): ("w.json", "both as --weights and as -o"),
    (*PREDICT, "-o", "new.json", "--failures", "./new.json"): ("list.csv", "both as -o and as --failures"),
    ("predict", "m.skops", "{file}", "-o", "photos/a/0.png", "--format", "csv"): (
        "photos/a/0.png",
        "both as IMAGES and as -o",
    ),
    ("fit", "list.csv", "-o", "list.csv"): ("list.csv", "both as DATA and as -o"),
    ("fit", "list.csv", "-o", "m2.skops", "--json", "list.csv"): ("list.csv", "both as DATA and as --json"),
    ("fit", "list.csv", "-o", "m2.skops", "--json", "m2.skops"): ("list.csv", "both as -o and as --json"),
    ("fit", "photos", "-o", "photos/a/0.png"): ("photos/a/0.png", "both as an image to read and as -o"),
    ("fit", "photos", "-o", "image.link"): ("photos/a/0.png", "photos/a/0.png is the same file"),
    ("fit", "photos", "-o", "m2.skops", "--json", "hard.png"): ("photos/b/1.png", "photos/b/1.png is the same file"),
    ("fit", "photos", "-o", "m2.skops", "--test", "list.csv", "--json", "list.csv"): ("list.csv", "both as --test"),
    ("fit", "list.csv", "-o", "m2.skops", "--test", "photos", "--json", "photos/c/0.png"): ("photos/c/0.png", "image"),
    ("fit", "photos", "-o", "m2.skops", "--split-from", "list.csv", "--json", "list.csv"): ("list.csv", "--split-from"),
    ("fit", "photos", "-o", "m2.skops", "--plot-confusion", "photos/b/1.png"): ("photos/b/1.png", "--plot-confusion"),
    ("fit", "photos", "-o", "m2.skops", "--plot-images", "photos/b/1.png"): ("photos/b/1.png", "--plot-images"),
    ("predict", "m.skops", "photos", "--plot-predictions", "m.skops"): ("m.skops", "both as MODEL"),
    ("fit", "photos", "-o", "cache/spec/segment.h5"): ("cache/spec/segment.h5", "a file of a cache"),
    (*TUNE, "-o", "new.skops", "--json", "new.skops.checkpoint"): ("m.skops", "--checkpoint"),
    (*TUNE, "-o", "m.skops", "--weights", "w.json", "--export-weights", "w.json"): (
        "w.json",
        "--export",
    ),
    ("compare", "photos", "--json", "a.png", "--plot", "a.png"): ("m.skops", "both as --json and as --plot"),
    ("extract", "photos", "-o", "photos/a/0.png"): ("photos/a/0.png", "both as an image to read and as -o"),
    ("extract", "photos/a/0.png", "-o", "photos/a/0.png"): ("photos/a/0.png", "both as IMAGES and as -o"),
    ("cache", "export", "--cache", "cache", "-o", "photos/a/0.png"): ("photos/a/0.png", "is not an HDF5 file"),
    ("cache", "export", "--cache", "cache", "-o", "cache/spec/segment.h5"): ("cache/spec/segment.h5", "of a cache"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Images, names of them, and a model and a cache that are looked into by nobody."""
    root = tmp_path_factory.mktemp("place")
    rows = []
    for number in range(8):
        name = f"photos/{'abcd'[number // 2]}/{number % 2}.png"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(root / name)
        rows.append(f"{name},{'abcd'[number // 2]},{'train' if number < 6 else 'test'}\n")
    (root / "list.csv").write_text("path,label,split\n" + "".join(rows))
    (root / "linked.csv").symlink_to("list.csv")
    (root / "image.link").symlink_to("photos/a/0.png")
    os.link(root / "photos/b/1.png", root / "hard.png")
    (root / "w.json").write_text("weights")
    (root / "cache/spec").mkdir(parents=True)
    write_spec(
        root / "cache/spec",
        EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none"),
    )
    (root / "cache/spec/segment.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with zipfile.ZipFile(root / "m.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
    return root


@pytest.mark.parametrize("command", LOSSES, ids=" ".join)
def test_nothing_that_is_read_is_replaced(command, place, monkeypatch):
    monkeypatch.chdir(place)
    file, words = LOSSES[command]
    before = (place / file).read_bytes()
    url = (place / "photos/a/0.png").as_uri()
    done = CliRunner().invoke(main, [word.format(file=url) for word in command])
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert (place / file).read_bytes() == before


def test_what_loses_nothing_is_no_clash(place, monkeypatch):
    monkeypatch.chdir(place)
    read = {"an image to read": ["photos/a/0.png", "https://example.org/m.skops", b"", None, "nosuch.png", "a\0b"]}
    check_overwrites("m.skops", {"json_file": "/dev/null", "failures": "/dev/null", "weights": "DEFAULT"}, read)
    check_overwrites(None, {"json_file": "-", "plot": None, "weights": ("w.json",)}, read)
    check_overwrites("photos/new.h5", {"test_data": "photos"}, {"DATA": ["photos"]})
