"""Promised: long work into a pipe says now and then how far it is, and short work says nothing."""

import io
import multiprocessing
import sys

import pytest

import featx.display.progress_lines as module
from featx.display.progress import progress_bar
from featx.display.progress_lines import ProgressLines


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(module, "monotonic", found)
    return found


def passed(bar, clock, *moments):
    """Advance by the given steps at the given seconds."""
    for seconds, steps in moments:
        clock.seconds = seconds
        bar.update(steps)


def test_a_line_comes_after_ten_seconds_and_then_every_half_a_minute(clock, capsys):
    bar = ProgressLines(60_000, name="forwarding", unit="img")
    passed(bar, clock, *((second, 200) for second in range(1, 101)))
    assert capsys.readouterr().err.splitlines() == [
        "forwarding: 2,000 of 60,000 images, 5 min left",
        "forwarding: 8,000 of 60,000 images, 5 min left",
        "forwarding: 14,000 of 60,000 images, 4 min left",
        "forwarding: 20,000 of 60,000 images, 4 min left",
    ]


def test_work_of_hours_has_fewer_lines(clock, capsys):
    bar = ProgressLines(100_000, name="tuning heads", unit="fit")
    passed(bar, clock, *((second, 1) for second in range(1, 36_001, 10)))
    lines = capsys.readouterr().err.splitlines()
    assert 60 < len(lines) < 150
    assert lines[-1].startswith("tuning heads: 3,")
    assert " of 100,000 fits, " in lines[-1]
    assert " h " in lines[-1]


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        (11, "less than a minute"),
        (60, "1 min"),
        (61, "2 min"),
        (3540, "59 min"),
        (3541, "1 h 0 min"),
        (9000, "2 h 30 min"),
    ],
)
def test_the_time_left_is_that_at_the_speed_so_far(clock, capsys, steps, left):
    passed(ProgressLines(steps + 10, name="reading files", unit="file"), clock, (10, 10))
    assert capsys.readouterr().err == f"reading files: 10 of {steps + 10:,} files, {left} left\n"


def test_neither_short_work_nor_its_end_says_anything(clock, capsys):
    passed(ProgressLines(3, name="epoch 1/2", unit="batch"), clock, (2, 1), (9.9, 1), (60, 1))
    passed(ProgressLines(0, name="comparing", unit="run"), clock, (99, 0))
    assert capsys.readouterr().err == ""
    passed(ProgressLines(3, name="epoch 1/2", unit="batch"), clock, (120, 0))
    assert capsys.readouterr().err == "epoch 1/2: 0 of 3 batches\n"


def test_a_reader_that_has_gone_ends_no_work(clock, monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    passed(ProgressLines(9, name="forwarding", unit="img"), clock, (20, 1))
    monkeypatch.setattr(sys, "stderr", None)
    passed(ProgressLines(9, name="forwarding", unit="img"), clock, (20, 1))


@pytest.mark.parametrize("place", ["pipe", "unwanted", "worker"])
def test_bars_into_a_pipe_are_lines(clock, monkeypatch, capsys, place):
    if place == "worker":
        monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    with progress_bar(9, name="forwarding", unit="img", shown=place != "unwanted") as bar:
        clock.seconds += 5
        bar.update()
        clock.seconds += 10
        bar.update(2)
    assert capsys.readouterr().err == (
        "forwarding: 3 of 9 images, less than a minute left\n" if place == "pipe" else ""
    )


def test_a_transformer_into_a_pipe_prints_them(monkeypatch, capsys, tiny):
    import numpy as np

    from featx import CNNFeatureTransformer

    seconds = iter(range(0, 10_000, 20))
    monkeypatch.setattr(module, "monotonic", lambda: next(seconds))
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    for verbose in (True, False):
        CNNFeatureTransformer(**tiny, cache=None, batch_size=2, verbose=verbose).fit_transform(images)
        lines = capsys.readouterr().err.splitlines()
        assert any("forwarding: " in line and " of 6 images" in line for line in lines) == verbose
        assert lines == [] or verbose
