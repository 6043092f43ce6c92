"""Promised: every example of the gallery runs by itself without a network, uses public names only, and is listed."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import featx

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/plot_*.py"))
STUDIES = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
every_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def test_there_are_examples_of_studies_and_of_tasks():
    assert {path.parent.name for path in EXAMPLES} == {"studies", "tasks"}
    assert len(EXAMPLES) >= 8


@every_example
def test_an_example_uses_public_names_only(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "featx":
            assert node.attr in featx.__all__
        if isinstance(node, ast.Import):
            assert not [name.name for name in node.names if name.name.startswith("featx.")]
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("featx")


@every_example
def test_an_example_is_a_page_with_a_title_and_cells(path):
    text = path.read_text(encoding="utf-8")
    title, line, blank, *_ = ast.get_docstring(ast.parse(text)).splitlines()
    assert (len(line), set(line), blank) == (len(title), {"="}, "")
    assert text.count("\n# %%\n") >= 3


def test_every_study_has_its_command_and_its_page():
    sections = re.findall(r"^## (\d)\. ", STUDIES, re.MULTILINE)
    table = [row for row in STUDIES.partition("\n## ")[0].splitlines() if row.startswith("| ") and "](" in row]
    assert [re.search(r"\| \[(\d)\]\(#", row)[1] for row in table] == sections
    pages = [re.search(r"\(\.\./(examples/studies/plot_\w+\.py)\)", row)[1] for row in table]
    assert sorted(pages) == [str(path.relative_to(ROOT)) for path in EXAMPLES if path.parent.name == "studies"]


@every_example
def test_a_study_says_what_stands_in_for_its_data(path):
    if path.parent.name == "studies":
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert re.search(r"stands? +in|stand for", " ".join(text.split()))


def test_the_gallery_has_an_order_for_every_example(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    listed = importlib.import_module("order_of_examples").ORDER
    assert sorted(listed) == sorted(path.name for path in EXAMPLES)


def test_stand_ins_are_the_same_in_every_build(monkeypatch):
    pytest.importorskip("skimage")
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "studies"))
    flowers = importlib.import_module("drawn_flowers").drawn_flowers
    pieces = importlib.import_module("photo_pieces").photo_pieces
    for make in (lambda: flowers(3, 2, pixels=32), lambda: pieces(2, photographs=("chelsea", "brick"))):
        first, second = make(), make()
        assert len(first) == len(set(first.names)) == 2 * len(first.classes)
        assert all(np.array_equal(a, b) for a, b in zip(first.images, second.images, strict=True))
        assert len({image.tobytes() for image in first.images}) == len(first)


@pytest.mark.long
@every_example
def test_an_example_runs_and_draws(path, tmp_path):
    pytest.importorskip("skimage")
    pytest.importorskip("pandas")
    # As sphinx-gallery does: cell by cell, and what is still open at the end of a cell is a picture.
    program = (
        "import re, sys, matplotlib; matplotlib.use('Agg')\n"
        "import matplotlib.pyplot as plt\n"
        "plt.show = lambda: None\n"
        "names, drawn = {'__name__': '__main__'}, 0\n"
        "for cell in re.split(r'^(?=# %%)', open(sys.argv[1], encoding='utf-8').read(), flags=re.MULTILINE):\n"
        "    exec(compile(cell, sys.argv[1], 'exec'), names)\n"
        "    drawn += len(plt.get_fignums()); plt.close('all')\n"
        "print('pictures', drawn)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEATX_")}
    environment |= {"FEATX_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(path.parent)}
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 1
    assert [found.name for found in tmp_path.iterdir()] == ["cache"]
