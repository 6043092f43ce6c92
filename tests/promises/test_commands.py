"""Promised: every command does what its help says, prints results to stdout and remarks to stderr."""

import os
import re
import shlex
import shutil

import click
import numpy as np
import pytest
from PIL import Image

from commands import NETWORK, featx
from featx.cli import main
from images import write_digits

# The slowest, of which README has the same with other names of files: test_docs.py runs them.
RUN_BY_README = {("audit",), ("export",), ("rank",)}
QUICK = ("--grid", "logistic.C=0.001,0.01", "--cv", "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty digits, zeros and ones, in a folder of classes."""
    return write_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture
def model(folder, tmp_path):
    path = tmp_path / "model.skops"
    featx("fit", folder, "-o", path, *NETWORK, *QUICK, "-q")
    return path


@pytest.fixture
def few_digits(monkeypatch):
    """Make sample:digits small: six of each of four digits."""
    import sklearn.datasets

    digits = sklearn.datasets.load_digits()
    rows = np.concatenate([np.flatnonzero(digits.target == digit)[:6] for digit in range(4)])
    few = type(digits)(images=digits.images[rows], target=digits.target[rows], data=digits.data[rows])
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: few)


def commands(command=main, path=()):
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


COMMANDS = dict(commands())


def examples(command):
    """Return the lines of a command's help that one could type, each in one piece."""
    lines = command.help.partition("Example")[2].replace("\\\n", "").splitlines()
    return [" ".join(line.split()) for line in lines if re.match(r" *(featx|find) ", line)]


def test_the_commands_are_those_of_the_readme():
    names = {" ".join(path) for path in COMMANDS}
    kinds = ("info", "verify", "repair", "prune", "compact", "export", "merge", "push", "pull", "missing")
    once = ("audit", "extract", "export", "fit", "finetune", "predict", "compare", "rank", "backbones", "cache")
    assert names == {"", *once, *(f"cache {kind}" for kind in kinds)}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    for flag in ("--help", "-h"):
        shown = " ".join(featx(*path, flag).output.replace("\\\n", "").split())
    assert examples(COMMANDS[path])
    for example in examples(COMMANDS[path]):
        assert example in shown
        assert shlex.split(example.rpartition("| ")[2])[1 : 1 + len(path)] == list(path)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_the_terminal_and_cuts_nothing(path, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = featx(*path, "--help").output
    assert max(map(len, shown.splitlines())) <= width
    assert not re.search(r"\w\.\.\.$", shown.partition("\n\n")[2], re.MULTILINE)
    for param in COMMANDS[path].params:
        if isinstance(param, click.Option):
            assert param.help, param.name
            assert param.opts[0] in shown


def test_the_examples_run(tmp_path, monkeypatch, few_digits):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (30, 20), "red").save("photo.png")
    order = ["fit", "", "audit", "rank", "predict", "export", "extract", "backbones", "cache", "finetune", "compare"]
    paths = sorted(COMMANDS, key=lambda path: order.index(path[0] if path else ""))
    for path in paths:
        first, *others = [shlex.split(line.rpartition("| ")[2])[1:] for line in examples(COMMANDS[path])]
        if path == ("cache", "merge"):
            for name in ("node1", "node2"):
                shutil.copytree(os.environ["FEATX_CACHE"], tmp_path / name / "cache")
        if path == ("cache", "missing"):
            (tmp_path / "photos").mkdir(exist_ok=True)
            shutil.copytree(os.environ["FEATX_CACHE"], tmp_path / "shared" / "cache")
            Image.new("RGB", (30, 20), "blue").save(tmp_path / "photos" / "a.png")
        if path in RUN_BY_README:
            others.append(first)
        else:  # the exit code of one says that there are some
            featx(*first, code=int(path == ("cache", "missing")))
        for words in others:  # of one's own data: as far as they are typed
            name = words[: max(1, len(path))]
            COMMANDS[tuple(name)].make_context(name[-1], words[len(name) :])
    assert {"digits.skops", "photos.h5", "embeddings.h5"} <= {file.name for file in tmp_path.iterdir()}


def test_version():
    assert featx("--version").output.startswith("featx, version ")


def test_quiet_prints_results_only(folder, model, tmp_path):
    (tmp_path / "bad.png").write_text("text")
    assert featx("fit", folder, "-o", tmp_path / "m.skops", *NETWORK, *QUICK, "-q").stderr == ""
    skip = ("--on-error", "skip", "--quiet")
    assert featx("extract", folder, tmp_path / "bad.png", "-o", tmp_path / "o.h5", *NETWORK, *skip).stderr == ""
    assert featx("predict", model, folder, tmp_path / "bad.png", *skip).stderr == ""
