"""Promised: while a decoder hangs, images are decoded by another process, which gives the same and can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import featx.images.sources
from featx.exceptions import ImageDecodeError
from featx.images import decoder_process
from featx.images.sources import as_sources, read_image
from featx.runtime import deadlines
from featx.runtime.deadlines import map_with_deadline

# The other process's decoder: it hangs on these bytes, and ends the process on those.
HANGING = """
import os, signal, time, featx.images.decoder_process as process
decode = process.decode_file
def decode_file(data, **options):
    while data.startswith(b"stuck"):
        time.sleep(0.01)
    if data.startswith(b"crash"):
        os._exit(7)
    if data.startswith(b"alarm"):
        signal.raise_signal(signal.SIGALRM)
    return decode(data, **options)
process.decode_file = decode_file
process.serve()
"""


@pytest.fixture
def elsewhere(monkeypatch):
    """Have a decoder of this process be stuck for long, so that every image is decoded by another process."""
    monkeypatch.setitem(decoder_process._started_at, -1, -np.inf)
    start = decoder_process.PROGRAM.partition("from featx")[0] + f"exec({HANGING!r})"
    monkeypatch.setattr(decoder_process, "PROGRAM", start)
    yield
    decoder_process._end_idle()


def files(folder, **contents):
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in contents]


def picture(folder, mode, format, **options):
    path = folder / f"{mode}.{format}"
    ramp = np.arange(48 * 64).reshape(48, 64)
    grey = Image.fromarray((ramp * 20).astype(np.uint16)) if mode == "I;16" else Image.fromarray(ramp.astype(np.uint8))
    (grey if mode == "I;16" else grey.convert(mode)).save(path, format, **options)
    return str(path)


def readers():
    return {thread for thread in threading.enumerate() if thread.name == "featx-reader"}


def children():
    return len(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


def outcome(path, **options):
    source = as_sources([path], **options)[0]
    try:
        digest, pixels = source.load()
    except ImageDecodeError as error:
        return error.args
    return digest, pixels.tolist(), source.peak


def test_another_process_gives_the_same_pixels_and_the_same_refusals(tmp_path, monkeypatch, elsewhere):
    kinds = [("RGB", "jpeg"), ("CMYK", "jpeg"), ("RGBA", "png"), ("I;16", "png"), ("P", "gif"), ("L", "tiff")]
    paths = [picture(tmp_path, mode, format) for mode, format in kinds]
    paths += files(tmp_path, empty=b"", text=b"no image", half=Path(paths[2]).read_bytes()[:99])
    cases = [(path, options) for path in paths for options in ({}, {"max_pixels": np.int64(99)})]
    cases += [(paths[3], {"value_range": value}) for value in ((0, 99), (np.float32(0), 65535.0), "minmax")]
    with monkeypatch.context() as patch:
        patch.delitem(decoder_process._started_at, -1)
        here = [outcome(path, **options) for path, options in cases]
    monkeypatch.setattr(featx.images.sources, "decode_file", lambda *_, **__: pytest.fail("it was decoded here"))
    assert [outcome(path, **options) for path, options in cases] == here
    assert len(decoder_process._idle) == 1


def test_settings_of_pillow_hold_in_the_other_process(tmp_path, monkeypatch, elsewhere):
    path = picture(tmp_path, "RGB", "png")
    assert read_image(path).shape == (48, 64, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
    with pytest.raises(ImageDecodeError, match="64 x 48 pixels exceed the limit of 99"):
        read_image(path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_hanging_decoders_are_ended_with_their_processes(tmp_path, monkeypatch, elsewhere):
    before, n_children = readers(), children()
    paths = files(tmp_path, **{f"{n}": b"stuck %d" % n for n in range(4)})
    monkeypatch.setattr(deadlines, "IMAGE_SECONDS", 0.5)
    found = list(map_with_deadline(lambda image: image.load(), as_sources(paths), threads=2))
    assert [str(reason) for reason in found] == ["not read within 0.5 s"] * 4
    assert all(call.done.wait(5) for call in deadlines._stuck)
    # The threads of the two last are a moment behind
    for thread in readers() - before:
        thread.join(5)
    assert readers() <= before
    assert children() == n_children


def test_a_decoder_that_crashes_is_a_failure_of_that_image(tmp_path, elsewhere):
    crash, sound = *files(tmp_path, crash=b"crash"), picture(tmp_path, "RGB", "png")
    with pytest.raises(ImageDecodeError, match=r"its decoder ended without an answer \(exit code 7\)"):
        read_image(crash)
    assert read_image(sound).shape == (48, 64, 3)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_decoder_that_its_alarm_ends_has_taken_too_long(tmp_path, elsewhere):
    with pytest.raises(ImageDecodeError, match="not read within 60 s"):
        read_image(*files(tmp_path, alarm=b"alarm"))


def test_an_idle_process_that_something_killed_is_replaced(tmp_path, elsewhere):
    path = picture(tmp_path, "RGB", "png")
    first = read_image(path)
    process = decoder_process._idle[0]._process
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert np.array_equal(read_image(path), first)
    assert decoder_process._idle[0]._process.pid != process.pid


@pytest.mark.parametrize("why", ["no Python", "nothing", "cannot import"])
def test_where_no_process_can_be_started_images_are_decoded_here(tmp_path, monkeypatch, elsewhere, why):
    if why == "cannot import":
        monkeypatch.setattr(decoder_process, "PROGRAM", "raise SystemExit(1)")
    else:
        program = "/usr/sbin/uwsgi" if why == "no Python" else str(tmp_path / "python3")
        monkeypatch.setattr(decoder_process.multiprocessing.spawn, "get_executable", lambda: program)
    assert read_image(picture(tmp_path, "RGB", "png")).shape == (48, 64, 3)
    assert not decoder_process._idle


def test_only_what_comes_after_a_long_decoding_is_decoded_elsewhere(tmp_path, monkeypatch):
    begun, end, places = threading.Event(), threading.Event(), []

    def decode(data, **options):
        if not begun.is_set():
            begun.set()
            end.wait()
        return np.zeros((1, 1, 3), np.uint8), None, False

    def delegate(data, options):
        places.append(data)
        return decode(data)

    monkeypatch.setattr(decoder_process, "_delegate", delegate)
    monkeypatch.setattr(deadlines, "IMAGE_SECONDS", 0.4)
    thread = threading.Thread(target=decoder_process.decode_or_delegate, args=(decode, b"first"))
    thread.start()
    begun.wait()
    decoder_process.decode_or_delegate(decode, b"second")
    time.sleep(0.15)
    decoder_process.decode_or_delegate(decode, b"third")
    end.set()
    thread.join()
    decoder_process.decode_or_delegate(decode, b"fourth")
    assert places == [b"third"]


def test_a_forked_process_leaves_threads_and_processes_to_its_parent(tmp_path, elsewhere):
    path = picture(tmp_path, "RGB", "png")
    read_image(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads beside a fork
        child = os.fork()
    if child == 0:
        os._exit(0 if not decoder_process._idle and not decoder_process._started_at and not deadlines._stuck else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    process = decoder_process._idle[0]
    assert read_image(path).shape == (48, 64, 3)
    assert decoder_process._idle == [process]


def test_the_other_process_ends_with_this_one(tmp_path):
    code = """
import sys, numpy as np
from featx.images import decoder_process
from featx.images.sources import read_image
decoder_process._started_at[-1] = -np.inf
read_image(sys.argv[1])
print(decoder_process._idle[0]._process.pid)
"""
    run = subprocess.run([sys.executable, "-c", code, picture(tmp_path, "RGB", "png")], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(run.stdout), 0)
