"""Promised: an image that takes too long is a failure of its own, and delays no other."""

import hashlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import featx.images.sources
from encoded_images import PHOTO, PNG, averaging, encode, encoded, extract, mixed, write, write_all
from featx.cache import EmbeddingCache
from featx.cli import main
from featx.exceptions import ImageDecodeError
from featx.finetuning.feeds import FreshFeed, stream
from featx.images.sources import as_sources, read_image
from processes import interruptible

# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture
def stuck(monkeypatch):
    """Return bytes that a decoder never finishes, and have no image take longer than half a second.

    Images are decoded in this process: another one takes longer than that to start.
    """
    decode, end = featx.images.sources.decode_file, threading.Event()

    def looping(data, **options):
        if data.startswith(b"stuck"):
            end.wait()
        return decode(data, **options)

    monkeypatch.setattr("featx.images.sources.decode_file", looping)
    monkeypatch.setattr("featx.runtime.deadlines.IMAGE_SECONDS", 0.5)
    monkeypatch.setattr("featx.images.decoder_process.LONG_SHARE", np.inf)
    yield lambda number: b"stuck %d" % number
    end.set()


def test_an_image_that_takes_too_long_is_among_the_failures_and_delays_no_other(tmp_path, stuck):
    good = write_all(tmp_path / "good", encoded())
    late = write_all(tmp_path / "late", {f"{n}.png": stuck(n) for n in range(2)})
    images, positions = mixed(good, late)
    expected = extract(good).embeddings[0]
    # With one thread there are more of them than threads
    for n_jobs in (1, 2):
        result = extract(images, n_jobs=n_jobs)
        assert {failure.name: failure.reason for failure in result.failures} == dict.fromkeys(
            late, "not read within 0.5 s"
        )
        assert np.array_equal(result.embeddings[0][positions], expected)


def test_an_image_that_takes_too_long_raises_its_name_and_what_was_before_is_kept(tmp_path, stuck):
    good = write_all(tmp_path / "good", {f"{n}.png": encode(PHOTO.rotate(n), "png") for n in range(8)})
    late = write(tmp_path, "late.png", stuck(0))
    cache = EmbeddingCache(tmp_path / "cache")
    with pytest.raises(ImageDecodeError, match=r"cannot read image .*late\.png: not read within 0\.5 s"):
        extract([*good, late], cache=cache, on_error="raise", batch_size=4)
    assert extract(good, cache=cache).n_forwarded == 0


def test_a_training_that_decodes_in_every_epoch_names_an_image_that_takes_too_long(tmp_path, stuck):
    paths = write_all(tmp_path / "good", {f"{n}.png": encode(PHOTO.rotate(n), "png") for n in range(8)})
    paths.append(write(tmp_path, "late.png", stuck(0)))
    options = {"lower": lambda batch: batch, "device": "cpu", "seed": 0}
    source = averaging()
    feed = FreshFeed(as_sources(paths), source.preprocessing, None, **options)
    batches = stream(feed, [np.array(rows) for rows in ([0, 5], [3, 1], [2, 8], [4, 7])], 0)
    for rows, batch in (next(batches), next(batches)):
        expected = [source.preprocessing.apply(read_image(paths[row])) for row in rows]
        assert all(map(np.array_equal, batch, expected))
    with pytest.raises(ImageDecodeError, match=r"cannot read image .*late\.png: not read within 0\.5 s"):
        next(batches)


def test_an_address_that_never_answers_is_given_up(tmp_path, stuck):
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"ftp://127.0.0.1:{server.getsockname()[1]}/a.png"
        result = extract([write(tmp_path, "a.png", PNG), silent, write(tmp_path, "b.png", PNG)])
    assert [(f.index, f.name, f.reason) for f in result.failures] == [(1, silent, "not read within 0.5 s")]


def test_a_read_that_never_ends_delays_neither_the_others_nor_the_end_of_the_process(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "loop.png").write_bytes(b"loop")
    os.mkfifo(tmp_path / "fifo.png")
    process = interruptible(
        """
        import functools
        import featx.cache.digests, featx.images.sources, featx.runtime.deadlines
        featx.runtime.deadlines.IMAGE_SECONDS = 2.5
        # A FIFO that took the place of a file since it was looked at, and a decoder that loops
        versions, decode = featx.cache.digests._versions, featx.images.sources.decode_file
        featx.cache.digests._versions = lambda paths: (versions(paths)[0], {})

        def looping(data, **options):
            while data == b"loop":
                pass
            return decode(data, **options)

        featx.images.sources.decode_file = looping
        limited = functools.partial(featx.runtime.deadlines.map_with_deadline, threads=1)
        print([str(d)[:22] for d in featx.cache.digests.FileDigests(None).digest(["fifo.png", "a.png"], apply=limited)])
        print([str(d)[:22] for d in limited(lambda i: i.load(), featx.as_sources(["loop.png", "a.png"]))])
        """,
        cwd=tmp_path,
    )
    output, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, "")
    digest = hashlib.sha256(PNG).digest()
    assert output.splitlines() == [str(["not read within 2.5 s", str(d)[:22]]) for d in (digest, (digest,))]


@pytest.mark.long
def test_ctrl_c_while_decoding_stops_at_once_and_keeps_what_was_computed(tmp_path, forwards):
    images = tmp_path / "images"
    write_all(images, {f"{n}.png": encode(PHOTO.rotate(n), "png") for n in range(9)})
    write(images, "6.png", encode(PHOTO, "bmp"))
    # In a process of its own, the seventh image never ends; once six have been through the network, it says so.
    began = time.monotonic()
    code = """
        import time
        import featx.images.sources
        from featx.networks.backbone import Backbone
        from featx.cli import main
        embed, decode, batches = Backbone.embed, featx.images.sources.decode_file, []

        def counting(*args, **options):
            batches.append(rows := embed(*args, **options))
            return rows

        def stuck(data, **options):
            while data.startswith(b"BM"):
                if len(batches) == 3:
                    print("decoding", flush=True)
                time.sleep(0.1)
            return decode(data, **options)

        Backbone.embed, featx.images.sources.decode_file = counting, stuck
        main()
        """
    network = ["--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--batch-size", "2"]
    arguments = ["extract", str(images), "-o", str(tmp_path / "o.h5"), *network, "--precision", "float32"]
    process = interruptible(code, *arguments)
    assert process.stdout.readline() == "decoding\n"
    started, began = time.monotonic() - began, time.monotonic()
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    # Two seconds, or as long as the start took where a machine is busy
    assert time.monotonic() - began < max(2, started)
    assert process.returncode == 130, errors
    kept = "the embeddings computed so far are in the cache"
    assert errors.strip() == f"featx: stopped; {kept}; run the same command to go on"
    assert sorted(Path(tmp_path).glob("*o.h5*")) == []
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert forwards.since() == 3
