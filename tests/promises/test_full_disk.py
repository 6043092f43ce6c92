"""Promised: a disk that is full says so, with the path, the space that is needed and the next step; no row is lost.

A cache that can be read but not written is in test_stores.py.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import specs
from commands import NETWORK
from featx.cache import CacheError, EmbeddingCache
from featx.cache.hdf5 import OVERHEAD
from specs import OTHER, SPEC

resource = pytest.importorskip("resource", reason="limits of POSIX")

rows, found_of = (functools.partial(call, width=128) for call in (specs.rows, specs.found_of))
SMALL = ["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]
MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'


def run(way, options, folder, *command):
    """Run a command that alone sees a small disk at a folder; the disk is gone when the command has ended."""
    if way is not None:
        command = [*way, "sh", "-c", MOUNT, "sh", options, str(folder), *command]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run(command, cwd=Path(__file__).parent, timeout=120, **options)


def assert_succeeds(way, options, folder, *command):
    done = run(way, options, folder, *command)
    assert done.returncode == 0, done.stdout
    print(done.stdout)


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    """How a small disk can be mounted here; None where it cannot."""
    for way in SMALL:
        with contextlib.suppress(FileNotFoundError):
            if run(way, "size=64k", tmp_path_factory.mktemp("disk"), "true").returncode == 0:
                return way
    return None


@pytest.fixture
def disk(way, tmp_path):
    """A function that makes a call of this module which sees a small disk."""
    if way is None:
        pytest.skip("no file system can be mounted here: neither as root nor in a namespace of its own")
    return lambda options, call: assert_succeeds(way, options, tmp_path, *python(call.format(repr(str(tmp_path)))))


def python(call):
    return sys.executable, "-c", f"from {Path(__file__).stem} import *; {call}"


def leave(disk, amount, kind):
    """Fill a disk until so many pages or files are left; return what to remove to set the rest free."""
    ballast = disk / "ballast"
    ballast.mkdir()
    found = os.statvfs(disk)
    if kind == "files":
        for number in range(found.f_favail - amount):
            (ballast / str(number)).touch()
    else:
        (ballast / "pages").write_bytes(b"x" * found.f_frsize * (found.f_bavail - amount))
    return ballast


def put(cache):
    cache.put(SPEC, *rows(range(100, 140)))


def begin(cache):
    cache.put(OTHER, *rows(range(40)))


def compact(cache):
    cache.compact()


def export(cache):
    cache.export(cache.root / "out.h5", spec=SPEC.digest)


OPERATIONS = {call.__name__: call for call in (put, begin, compact, export)}
ROWS = {"put": 40, "begin": 40, "compact": 80, "export": 80}


def try_at_every_amount(disk, name, kind):
    """Make one call with ever more space left, until it succeeds."""
    disk, call = Path(disk), OPERATIONS[name]
    for amount in range(60):
        cache = EmbeddingCache(disk / "cache")
        for start in range(0, 80, 20):
            cache.put(SPEC, *rows(range(start, start + 20)))
        ballast = leave(disk, amount, kind)
        before = sorted(path.name for path in cache.root.glob("*/*.h5"))
        failure = None
        try:
            call(cache)
        except CacheError as error:
            failure = error
        if failure is not None:
            assert failure.message.startswith("no space in ")
            assert str(cache.root) in failure.message
            needed = int(failure.message.split(" for ")[1].split()[0].replace(",", ""))
            assert needed >= ROWS[name] * 4 * 128
            assert needed > amount * os.statvfs(disk).f_frsize or kind == "files", "so much was there"
            assert failure.next_step.startswith("Free some space, run `featx cache prune --max-bytes N`, or choose")
        assert not [p for p in cache.root.rglob("*") if p.name.startswith(("tmp-", ".out"))]
        assert failure is None or sorted(path.name for path in cache.root.glob("*/*.h5")) == before
        for reader in (cache, EmbeddingCache(cache.root)):
            assert found_of(reader, range(80)).all()
            assert reader.verify().clean
        if failure is None:
            break
        shutil.rmtree(ballast)
        call(cache)
        assert found_of(cache, range(80)).all()
        assert found_of(cache, range(100, 140)).all() or name != "put"
        assert found_of(cache, range(40), OTHER).all() or name != "begin"
        assert cache.verify().clean
        shutil.rmtree(cache.root)
    assert failure is None
    assert amount
    print(f"failed with up to {amount - 1} {kind} left")


def try_everything(disk, kind):
    for name in OPERATIONS:
        print(f"{name}:")
        try_at_every_amount(disk, name, kind)
        for path in Path(disk).iterdir():
            shutil.rmtree(path)


def test_a_full_disk_is_told_of_and_costs_no_row_whatever_is_done(disk):
    disk("size=512k", "try_everything({}, 'pages')")


def test_a_disk_that_takes_no_more_files_is_told_of_and_costs_no_row_either(disk):
    disk("size=2m,nr_inodes=40", "try_everything({}, 'files')")


def prune_when_full(disk, kind):
    """Follow the advice of the error."""
    disk = Path(disk)
    cache = EmbeddingCache(disk / "cache")
    cache.put(SPEC, *rows(range(40)))
    leave(disk, 0, kind)
    with pytest.raises(CacheError, match="no space"):
        put(cache)
    assert cache.prune(max_bytes=0) > 0
    put(cache)
    assert found_of(cache, range(100, 140)).all()
    assert cache.verify().clean


@pytest.mark.parametrize("kind", ["pages", "files"])
def test_pruning_as_the_error_advises_makes_room_on_a_full_disk(disk, kind):
    disk("size=512k,nr_inodes=40", f"prune_when_full({{}}, {kind!r})")


# Extractions

COUNT, BATCH, FIRST = 96, 8, 32
ROW = 4 * 512 + 32


def extract_twice(disk, images, kind):
    """Extract on the command line with too little space and, after some is free, with enough."""
    import h5py
    from click.testing import CliRunner

    from featx.cli import main
    from featx.extraction import forward as forwarding
    from featx.networks.backbone import Backbone

    forwarding.TURN_ROWS = FIRST
    disk, forwarded, embed = Path(disk), [], Backbone.embed

    def counting(self, pixels, views, **options):
        if self.device != "meta":
            forwarded.append(len(pixels))
        return embed(self, pixels, views, **options)

    Backbone.embed = counting
    target = Path(images) / "out.h5"

    def featx(root, *some):
        files = ["extract", *(some or [images]), "-o", str(target), "--cache", str(root)]
        return CliRunner().invoke(main, [*files, *NETWORK, "--batch-size", str(BATCH)])

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if kind == "disk":
        # Enough for the rows of the first turn, not for those of the second.
        leave(disk, (FIRST + 28) * ROW // os.statvfs(disk).f_frsize, "pages")
    else:
        # The limit is one of each file, so that the first rows are there before it is set.
        assert featx(disk / "cache", *sorted(map(str, Path(images).iterdir()))[:FIRST]).exit_code == 0
        target.unlink()
        resource.setrlimit(resource.RLIMIT_FSIZE, (28 * ROW, hard))
    failed = featx(disk / "cache")
    assert failed.exit_code == 2, failed.output
    assert len(failed.stderr.splitlines()) == 1 + failed.stderr.startswith("96 images"), failed.stderr
    needed = FIRST * ROW + OVERHEAD
    assert f"featx: no space in the cache {disk / 'cache'} for {needed:,} bytes. Free some space" in failed.stderr
    assert "prune" in failed.stderr
    assert not target.exists()
    assert EmbeddingCache(disk / "cache").verify().clean
    assert [(info.rows, info.width) for info in EmbeddingCache(disk / "cache").info()] == [(FIRST, 512)]
    assert not list((disk / "cache").glob("*/tmp-*"))
    forwarded.clear()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    shutil.rmtree(disk / "ballast", ignore_errors=True)
    done = featx(disk / "cache")
    assert done.exit_code == 0, done.output
    assert sum(forwarded) == COUNT - FIRST
    assert EmbeddingCache(disk / "cache").verify().clean
    with h5py.File(target) as file:
        got = dict(zip(file["paths"][:], file["embeddings"][:], strict=True))
    shutil.rmtree(disk / "cache")
    assert featx("none").exit_code == 0
    with h5py.File(target) as file:
        expected = file["embeddings"][:]
        np.testing.assert_allclose([got[path] for path in file["paths"][:]], expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize("kind", ["disk", pytest.param("file size", marks=pytest.mark.long)])
def test_an_extraction_that_found_the_disk_full_goes_on_where_it_was_when_there_is_space(way, tmp_path, kind):
    images, disk = tmp_path / "images", tmp_path / "disk"
    images.mkdir()
    disk.mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(images / f"{number}.png", compress_level=1)
    if way is None:
        kind = "file size"  # the next best thing
    command = python(f"extract_twice({str(disk)!r}, {str(images)!r}, {kind!r})")
    assert_succeeds(way, "size=1m", disk, *command)
