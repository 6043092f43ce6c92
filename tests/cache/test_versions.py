"""Promised: a changed file is recognised, even if its size and modification time are kept."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digested_files import LONG_AGO, sha, write
from featx.cache import FileDigests


@pytest.fixture(autouse=True)
def _settled(settled_files):
    """Tests of fresh files set the time themselves."""


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif.tobytes()


def copy_with_times(folder, path):
    new = write(folder / "other", b"new")
    subprocess.run(["cp", "-p", new, path], check=True)


def rewrite_in_place(folder, path):
    with open(path, "r+b") as file:
        file.write(b"new")
    os.utime(path, (LONG_AGO, LONG_AGO))


def rename_over(folder, path):
    os.replace(write(folder / "other", b"new"), path)


def through_a_hard_link(folder, path):
    os.link(path, folder / "link")
    rewrite_in_place(folder, folder / "link")


def unpacked(kind):
    def unpack(folder, path):
        archive = folder / f"second.{kind}"
        (folder / "second").mkdir()
        write(folder / "second" / os.path.basename(path), b"new")
        shutil.make_archive(str(folder / "second"), kind, folder / "second")
        shutil.unpack_archive(archive, os.path.dirname(path), **({"filter": "data"} if kind == "tar" else {}))
        os.utime(path, (LONG_AGO, LONG_AGO))  # as unzip does, and shutil does not

    return unpack


def swap_folders(folder, path):
    (folder / "b").mkdir()
    write(folder / "b" / "x", b"new")
    os.rename(folder / "a", folder / "c")
    os.rename(folder / "b", folder / "a")


CHANGES = {
    "cp -p": copy_with_times,
    "in place": rewrite_in_place,
    "rename": rename_over,
    "hard link": through_a_hard_link,
    "tar": unpacked("tar"),
    "zip": unpacked("zip"),
    "folders": swap_folders,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("place", ["disk", "tmpfs"])
def test_a_change_that_keeps_size_and_mtime_is_noticed(memory, tmp_path, reads, place, change):
    if place == "tmpfs" and not os.access("/dev/shm", os.W_OK):
        pytest.skip("no tmpfs")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if place == "tmpfs" else tmp_path) as root:
        folder = Path(root)
        (folder / "a").mkdir()
        path = write(folder / "a" / "x", b"old")
        for remembering in (memory, memory, FileDigests(memory.path)):
            assert remembering.digest([path]) == [sha(b"old")]
        assert len(reads) == 1
        time.sleep(0.02)  # the clock of a file system goes in steps of milliseconds
        change(folder, path)
        assert (os.stat(path).st_size, os.stat(path).st_mtime) == (3, LONG_AGO)
        for remembering in (FileDigests(memory.path), memory, memory, FileDigests(memory.path)):
            assert remembering.digest([path]) == [sha(b"new")]
        assert len(reads) == 2


def test_a_turned_image_whose_times_are_kept_is_turned(tmp_path, monkeypatch):
    from featx import EmbeddingCache
    from featx.extraction.digests import image_keys
    from featx.images.sources import as_sources

    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    paths = [tmp_path / "frame.jpg", tmp_path / "turned.jpg"]
    for number, path in zip((1, 6), paths, strict=True):
        Image.fromarray(pixels).save(path, exif=orientation(number))
        os.utime(path, (LONG_AGO, LONG_AGO))
    before, after = (path.read_bytes() for path in paths)
    assert len(before) == len(after)
    cache = EmbeddingCache(tmp_path / "cache")
    images = as_sources([str(paths[0])])
    assert image_keys(images, cache.digests, threads=1) == [sha(before)]
    time.sleep(0.02)
    paths[0].write_bytes(after)
    os.utime(paths[0], (LONG_AGO, LONG_AGO))
    assert image_keys(images, cache.digests, threads=1) == [sha(after)]


def test_a_symlink_that_points_elsewhere_and_names_that_differ_in_case(memory, folder, reads):
    write(folder / "a", b"old")
    write(folder / "A", b"OLD")
    link = folder / "link"
    for target, expected in (("a", b"old"), ("A", b"OLD"), ("a", b"old")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert memory.digest([str(link), str(folder / "a"), str(folder / "A")]) == [
            sha(expected), sha(b"old"), sha(b"OLD"),
        ]  # fmt: skip


@pytest.mark.parametrize("touch", [lambda path: os.chmod(path, 0o600), lambda path: os.link(path, f"{path}.link")])
def test_a_change_of_mode_or_links_costs_one_reading(memory, folder, reads, touch):
    path = write(folder / "a", b"a")
    memory.digest([path])
    time.sleep(0.02)
    touch(path)
    for remembering in (memory, memory, FileDigests(memory.path)):
        assert remembering.digest([path]) == [sha(b"a")]
    assert len(reads) == 2
