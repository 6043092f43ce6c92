"""Promised: an HDF5 file is there whole or not at all, and an error of the disk is raised where HDF5 would crash."""

import os

import h5py
import numpy as np
import pytest

from cache_files import filled, only_segment
from featx import CacheError
from featx.cache.hdf5 import OVERHEAD, GuardedFile, atomic_hdf5, check_suffix

FULL = OSError(28, "No space left on device")


def test_what_is_written_is_read_by_plain_h5py_and_replaces_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    for number in range(2):
        with atomic_hdf5(path) as file:
            file["embeddings"] = np.full((3, 2), number, np.float32)
    with h5py.File(path) as file:
        assert file["embeddings"][:].tolist() == 3 * [[1, 1]]
    assert os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.parametrize("error", [KeyError("unknown"), KeyboardInterrupt()], ids=repr)
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(error, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"before")
    with pytest.raises(type(error)), atomic_hdf5(path) as file:
        file["embeddings"] = np.zeros(1000)
        raise error
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.parametrize("room", [0, 100, 5000])
def test_a_disk_that_fills_up_raises_its_error(room, tmp_path, monkeypatch):
    class FullDisk(GuardedFile):
        """A file on a disk with so many bytes of room."""

        def write(self, data):
            if self.failure is None and self.tell() + memoryview(data).nbytes > room:
                self.failure = FULL
            return super().write(data)

    monkeypatch.setattr("featx.cache.hdf5.GuardedFile", FullDisk)
    with pytest.raises(OSError, match="No space left") as caught, atomic_hdf5(tmp_path / "a.h5") as file:
        file["embeddings"] = np.zeros((1000, 8))
    assert caught.value is FULL
    assert not os.listdir(tmp_path)


def test_a_guarded_file_keeps_its_first_error_and_writes_no_more(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    with GuardedFile(tmp_path / "a", "r+") as file:
        file.check()
        assert file.write(np.zeros(3, np.uint16)) == 6
        file.failure = FULL
        assert file.write(b"lost") == 4
        assert file.truncate(2) == 2
        with pytest.raises(OSError, match="No space left"):
            file.check()
    assert (tmp_path / "a").read_bytes() == bytes(6)
    with GuardedFile(tmp_path / "a", "r") as file:  # not open for writing, which is an error of the system, too
        assert file.write(b"lost") == 4
        assert file.truncate(0) == 0
        with pytest.raises(OSError):
            file.check()
    assert (tmp_path / "a").read_bytes() == bytes(6)


@pytest.mark.parametrize("name", ["a.npy", "a.CSV", "a.b.parquet", "a.h5.zarr"])
def test_a_name_of_another_format_is_refused_before_there_is_a_file(name, tmp_path):
    with pytest.raises(CacheError, match="the file is HDF5, not") as caught, atomic_hdf5(tmp_path / name):
        pass
    assert f"Name it {(tmp_path / name).with_suffix('.h5')}; h5py.File(" in caught.value.next_step
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["a.h5", "a.hdf5", "a", "a.2024", "npy"])
def test_other_names_are_taken(name, tmp_path):
    check_suffix(tmp_path / name)


@pytest.mark.parametrize("count", [1, 1000])
def test_what_a_file_of_the_cache_needs_besides_its_rows_is_bounded(count, cache):
    size = only_segment(filled(cache, range(count))).stat().st_size
    assert size <= count * (32 + 4 * 8) + OVERHEAD
