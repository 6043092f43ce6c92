"""Promised: bars have names, fit the terminal, keep off the lines printed meanwhile, and show in notebooks."""

import io
import logging
import multiprocessing
import subprocess
import sys
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

import featx.display.progress as module
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, evaluate_heads
from featx.display.notes import note_step
from featx.display.progress import clear_bars, move_below_bars, print_above_bars, progress_bar


class Terminal(io.StringIO):
    """What is written to it, as a screen shows it: each line as long as it ever was, and as it was last."""

    encoding = "utf-8"

    def isatty(self):
        return True

    def frames(self):
        """Return every state of a line that the next carriage return or line feed left."""
        return [part.rstrip() for part in self.getvalue().replace("\n", "\r").split("\r") if part.strip()]

    def screen(self):
        lines, row, column = [""], 0, 0
        text = self.getvalue().replace("\x1b[A", "\x00")
        for sign in text:
            if sign == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif sign == "\r":
                column = 0
            elif sign == "\x00":
                row -= 1
            else:
                line = lines[row].ljust(column)
                lines[row], column = line[:column] + sign + line[column + 1 :], column + 1
        return [line.rstrip() for line in lines if line.strip()]


class Pipe(Terminal):
    def isatty(self):
        return False


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(module, "DELAY_SECONDS", 0.0)


@pytest.fixture
def terminal(monkeypatch, at_once):
    found = Terminal()
    monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=found, modules=sys.modules))
    monkeypatch.setenv("COLUMNS", "80")
    return found


@pytest.fixture
def kernel(monkeypatch, at_once):
    """Pretend to be the kernel of a notebook without ipywidgets, where standard error is no terminal."""
    found = Pipe()
    monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=found, modules=sys.modules))
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    return found


def work(steps=2, **options):
    with progress_bar(steps, **{"name": "forwarding", "unit": "img", "shown": True, **options}) as bar:
        for _ in range(steps):
            time.sleep(0.11)  # tqdm draws ten times a second
            bar.update()


def test_a_bar_on_a_terminal_has_its_name_and_goes_when_it_is_done(terminal):
    work()
    assert [frame for frame in terminal.frames() if frame.startswith("forwarding:  50%") and " 1/2 [" in frame]
    assert all(frame.startswith("forwarding: ") for frame in terminal.frames())
    assert terminal.screen() == []


@pytest.mark.parametrize("columns", [80, 59, 40, 25])
def test_a_bar_fits_the_terminal(columns, terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    work()
    assert max(map(len, terminal.frames())) <= columns
    assert all(frame.startswith("forwarding: ") for frame in terminal.frames())
    assert any(" 1/2" in frame for frame in terminal.frames())


def test_a_bar_shows_before_the_first_step_is_done(terminal):
    with progress_bar(2, name="tuning heads", unit="fit", shown=True):
        time.sleep(0.3)
        assert terminal.screen()[0].startswith("tuning heads:   0%")
    assert terminal.screen() == []


def test_short_work_shows_no_bar(terminal, monkeypatch):
    monkeypatch.setattr(module, "DELAY_SECONDS", 60.0)
    work(1)
    assert terminal.screen() == []
    assert terminal.frames() == []
    with progress_bar(2, name="comparing", unit="run", shown=True) as bar:
        bar.update()
        print_above_bars("run 1")
    assert terminal.frames() == ["run 1"]


def test_lines_printed_meanwhile_stand_alone(terminal):
    log, steps = logging.getLogger("featx"), logging.getLogger("featx.steps")
    handler = logging.StreamHandler(terminal)
    log.addHandler(handler)
    steps.setLevel(logging.INFO)
    try:
        with progress_bar(8, name="comparing", unit="run", shown=True) as bar:
            for number in range(2):
                time.sleep(0.11)
                bar.update()
                print_above_bars(f"run {number}")
                time.sleep(0.11)
                bar.update()
                log.warning("remark %d", number)
                note_step(f"step {number}")
                time.sleep(0.11)
                bar.update()
                clear_bars()
                terminal.write(f"warning {number}\n")
                time.sleep(0.11)
                bar.update()
    finally:
        log.removeHandler(handler)
        steps.setLevel(logging.NOTSET)
    lines = [f"{kind} {number}" for number in range(2) for kind in ("run", "remark", "step", "warning")]
    assert terminal.screen() == lines
    assert not log.filters + steps.filters


def test_the_last_words_of_a_process_stand_below_its_bars(terminal):
    with (
        progress_bar(9, name="comparing", unit="run", shown=True) as outer,
        progress_bar(9, name="forwarding", unit="img", shown=True),
    ):
        time.sleep(0.3)
        outer.refresh()
        move_below_bars()
        terminal.write("stopped")
        assert [line.partition(":")[0] for line in terminal.screen()] == ["comparing", "forwarding", "stopped"]
    terminal.truncate(0)
    move_below_bars()
    assert terminal.getvalue() == ""


def test_lines_without_a_bar_are_printed(capsys):
    print_above_bars("epoch 1")
    assert capsys.readouterr() == ("", "epoch 1\n")


@pytest.mark.parametrize("place", ["pipe", "unwanted", "worker", "no stream"])
def test_nothing_shows_elsewhere(place, terminal, monkeypatch):
    found = Pipe() if place == "pipe" else terminal
    monkeypatch.setattr(module.sys, "stderr", None if place == "no stream" else found)
    if place == "worker":
        monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    work(2, shown=place != "unwanted")
    assert found.getvalue() == ""


def test_a_notebook_without_widgets_shows_text_and_no_warning(kernel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        work()
    assert [frame for frame in kernel.frames() if frame.startswith("forwarding:  50%") and " 1/2 [" in frame]
    assert max(map(len, kernel.frames())) <= 80


def test_a_python_prompt_is_no_notebook(kernel, monkeypatch):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())
    work()
    assert kernel.getvalue() == ""


def test_bars_of_a_transformer_of_heads_and_of_epochs_have_names(terminal, tiny, tmp_path):
    X, y = load_digits(n_class=2, return_X_y=True)
    tiny = {**tiny, "value_range": (0, 16), "verbose": True}
    CNNFeatureTransformer(**tiny, cache=tmp_path).fit_transform(X[:4])
    rng = np.random.default_rng(0)
    evaluate_heads({("", ""): rng.normal(size=(40, 3))}, np.arange(40) % 2, cv=2, verbose=True)
    CNNFineTuneClassifier(
        **tiny, cache=tmp_path, trainable_stages=0, epochs=2, augmentation="none", early_stopping=False, batch_size=4
    ).fit(X[:8], y[:8])
    names = {frame.partition(":")[0] for frame in terminal.frames() if "%|" in frame}
    assert names == {"reading files", "forwarding", "tuning heads", "epoch 1/2", "epoch 2/2"}
    assert [line.partition(":")[0] for line in terminal.screen()] == ["epoch 1/2", "epoch 2/2"]


def test_no_bar_is_imported_before_one_is_shown():
    code = "import sys, featx.display.progress as p; p.print_above_bars('line'); "
    code += "sys.exit(not {'tqdm', 'IPython'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
