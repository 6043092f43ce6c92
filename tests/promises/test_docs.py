"""Promised: what README, docstrings and CONTRIBUTING say works when it is copied literally."""

import configparser
import doctest
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image

import featx
import pages
from commands import NETWORK
from featx.cli import main
from featx.images.formats import FORMAT_NAMES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WITH_EXAMPLES = ["EmbeddingCache", "CNNFeatureTransformer", "TunedHead", "make_head"]


def blocks(language):
    """Return the code blocks of README in a language."""
    return [block for block in pages.blocks("README.md") if block.language == language]


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
    (block,) = blocks("python")
    names = {}
    exec(compile(block.text.replace("StratifiedKFold(5", "StratifiedKFold(2"), "README.md", "exec"), names)
    assert names["scores"].mean() > 0.5


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
    monkeypatch.chdir(tmp_path)
    commands = next(block.commands for block in blocks("bash") if "featx predict photos.skops" in block.text)
    assert len(commands) == 10
    for command in commands:
        if command.startswith("featx export "):  # a large network takes many seconds
            assert pages.here(f"featx fit photos -o photos.skops {shlex.join(NETWORK)}")[0] == 0
        if command.startswith(("featx finetune ", "featx compare ")):  # in the long form, and by test_studies.py
            continue
        code, printed, remarks = pages.here(command)
        assert code == 0, (command, printed, remarks)


@pytest.mark.long
def test_readme_from_its_first_line_to_its_last(tmp_path, monkeypatch):
    """All blocks in their order, in one folder and one cache, but for what installs and for the tests themselves."""
    make_photos(tmp_path, 24)
    monkeypatch.chdir(tmp_path)
    found = {block.line: block.difference(printed) for block, printed in pages.run("README.md")}
    assert found
    assert set(found.values()) == {None}
    files = {file.name for file in tmp_path.iterdir()}
    assert {"digits.skops", "digits.html", "photos.h5", "photos.onnx", "tuned.skops", "groups.csv"} <= files


def test_a_nox_session_is_the_command_that_readme_gives():
    assert '`pip install -e ".[test]" && pytest`' in README
    session = 'session.install("-e", ".[test]")\n    session.run("pytest", *session.posargs)\n'
    assert session in (ROOT / "noxfile.py").read_text(encoding="utf-8")


def test_readme_names_every_command():
    for name in main.commands:
        assert f"featx {name}" in README


def test_readme_is_a_screen_and_a_half():
    assert len(README.splitlines()) <= 80


def test_the_page_of_data_and_security_name_every_image_format():
    read = re.search(r"ignored\. (JPEG.*?) are\s+read\.", pages.read("docs/tasks/data.md"), re.DOTALL)[1]
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
