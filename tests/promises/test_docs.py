"""Promised: what README, docstrings and CONTRIBUTING say works when it is copied literally."""

import configparser
import doctest
import glob
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from click.testing import CliRunner
from PIL import Image

import featx
from commands import NETWORK
from featx.cli import main
from featx.images.formats import FORMAT_NAMES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXPORT = "featx cache export --layer stage7 --pooling avg -o embeddings.h5"
WITH_EXAMPLES = ["EmbeddingCache", "CNNFeatureTransformer", "TunedHead", "make_head"]


def blocks(language=None):
    """Return the code blocks of README in a language, or all with their languages."""
    found = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
    return [text for name, text in found if name == language] if language else found


@pytest.fixture
def few_digits(monkeypatch):
    """Sixty digits in place of 1,797."""
    full = sklearn.datasets.load_digits()
    full.images, full.target = full.images[:60], full.target[:60]
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: full)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings(name):
    runner = doctest.DocTestRunner()
    # Whatever the module: the classes that are saved name another one than they lie in.
    for example in doctest.DocTestFinder().find(getattr(featx, name), name, module=False, globs={}):
        runner.run(example)
    assert runner.tries
    assert not runner.failures


def test_python_in_readme(few_digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main = next(block for block in blocks("python") if "cross_val_score" in block)
    names = {}
    exec(compile(main.replace("StratifiedKFold(5", "StratifiedKFold(2"), "README.md", "exec"), names)
    assert names["scores"].mean() > 0.5
    assert (tmp_path / "digits.skops").stat().st_size < 1_000_000
    announced = next(block for block in blocks("python") if "prefetch" in block)
    exec(compile(announced, "README.md", "exec"), names)
    assert len(names["search"].cv_results_["params"]) == 4
    code, said = by_a_shell(EXPORT)
    assert code == 0, said
    exec(compile(next(block for block in blocks("python") if "h5py" in block), "README.md", "exec"), names)
    assert names["embeddings"].shape == (60, 320)
    assert set(names["paths"]) == {""}  # arrays have none


def by_a_shell(command):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, shell=True, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    return done.returncode, done.stderr


def here(command):
    """Run a command in this process, which spares it the start of one; names with a star as a shell reads them."""
    words = [sorted(glob.glob(word)) or [word] for word in shlex.split(command, comments=True)]
    program, *arguments = [word for found in words for word in found]
    assert program == "featx"
    done = CliRunner().invoke(main, arguments)
    return done.exit_code, done.output


def make_photos(root, count):
    """Make a folder of two classes with so many photographs each, and a flat folder of six."""
    rng = np.random.default_rng(0)
    for name, low, number in (("photos/dark", 0, count), ("photos/light", 128, count), ("new", 0, 6)):
        (root / name).mkdir(parents=True)
        for photo in range(number):
            pixels = rng.integers(low, low + 128, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{photo}.jpg")


def test_commands_in_readme(tmp_path, monkeypatch, settled_files):
    make_photos(tmp_path, 6)
    block = next(block for block in blocks("bash") if "featx predict photos.skops" in block)
    monkeypatch.chdir(tmp_path)
    commands = [*block.splitlines(), "featx cache export --layer head -o embeddings.h5"]
    for command in commands:
        if command.startswith("featx export "):  # a large network takes many seconds
            assert here(f"featx fit photos -o photos.skops {shlex.join(NETWORK)}")[0] == 0
        code, said = here(command)
        assert code == 0, (command, said)
    assert len(commands) == 9
    names = {}
    exec(compile(next(block for block in blocks("python") if "h5py" in block), "README.md", "exec"), names)
    assert names["embeddings"].shape == (18, 1280)
    assert sum(path.endswith(".jpg") for path in names["paths"]) == 18


@pytest.mark.long
def test_readme_from_its_first_line_to_its_last(tmp_path, monkeypatch):
    """All blocks in their order, in one folder and one cache, but for what installs and for the tests themselves."""
    make_photos(tmp_path, 24)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "cache"))
    names, ran = {}, 0
    for language, text in blocks():
        if language == "bash" and "pytest" not in text:
            commands = [line.removeprefix("pip install . && ") for line in text.splitlines() if line]
            code, said = by_a_shell("set -e\n" + "\n".join(commands))
            assert code == 0, (text, said)
        elif language == "python":
            if "embeddings.h5" in text:
                assert by_a_shell(EXPORT)[0] == 0
            exec(compile(text, "README.md", "exec"), names)
        ran += language in ("bash", "python")
    assert ran >= 8
    assert names["embeddings"].shape == (1797, 320)


def test_a_nox_session_is_the_command_that_readme_gives():
    assert next(block for block in blocks("bash") if "pytest" in block).strip() == 'pip install -e ".[test]" && pytest'
    session = 'session.install("-e", ".[test]")\n    session.run("pytest", *session.posargs)\n'
    assert session in (ROOT / "noxfile.py").read_text(encoding="utf-8")


def test_readme_names_every_command():
    for name in main.commands:
        assert f"featx {name}" in README
    assert f"`{EXPORT}`" in README


def test_readme_and_security_name_every_image_format():
    read = re.search(r"ignored\. (JPEG.*?) are read\.", README, re.DOTALL)[1]
    opened = re.search(r"opened by Pillow, as (.*?) only", SECURITY)[1]
    for text in (read, opened):
        assert set(FORMAT_NAMES) <= set(re.findall(r"\w+", text))


def test_contributing_maps_the_rooms_as_they_are():
    rooms = {path.parent.name for path in (ROOT / "featx").glob("*/__init__.py")} | {"cache", "cli"}
    the_map = CONTRIBUTING.partition("## Where things are")[2].partition("\n## ")[0]
    assert (
        set(re.findall(r"^ *([a-z_]+)/ ", the_map, re.MULTILINE)) - {"featx", "tests", "benchmarks", "docs", "examples"}
        == rooms
    )


def test_files_that_contributing_names_exist():
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.[a-z]+)`", CONTRIBUTING))
    assert len(named) >= 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_dependency_has_a_lower_bound():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = "\n".join(setup["options.extras_require"].values())
    lines = [setup["options"]["install_requires"], extras]
    names = [line.strip() for text in lines for line in text.splitlines() if line.strip()]
    assert [name for name in names if ">=" not in name and not name.startswith("featx[")] == []
