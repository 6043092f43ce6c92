"""Promised: what README and the pages of the site show is what their code prints, and their links lead somewhere.

With `FEATX_WRITE_PAGES=1`, `pytest -m long tests/promises/test_pages.py` writes into the pages what their code prints.
"""

import ast
import importlib
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest

import featx
import pages
from featx.cli import main

# Of these, every block is run by tests of their own.
ELSEWHERE = {
    "README.md": "test_docs.py",
    "docs/studies.md": "test_studies.py",
    "docs/tasks/tables.md": "test_tables.py",
}
# What a script of slurm finds in its environment.
SLURM = {"ID": "3", "MIN": "1", "MAX": "16", "COUNT": "16", "STEP": "1"}
WRITE = os.environ.get("FEATX_WRITE_PAGES") == "1"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with photos/ and new/, as the page Start has them, and a cache with their embeddings."""
    pytest.importorskip("elpv_dataset")
    folder = tmp_path_factory.mktemp("work")
    script = [sys.executable, pages.ROOT / "benchmarks" / "study_data.py", "photos", folder]
    subprocess.run(script, check=True, capture_output=True)
    return folder


@pytest.fixture
def in_a_folder(work, tmp_path, monkeypatch, settled_files):
    for name in ("photos", "new"):
        shutil.copytree(work / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    # Every page begins with the embeddings of the first page that was run, and nothing else.
    kept, cache = work / "cache", tmp_path.parent / f"{tmp_path.name}-cache"
    monkeypatch.setenv("FEATX_CACHE", str(cache))
    if not kept.exists():
        assert pages.here("featx extract photos new -o all.h5")[0] == 0
        os.remove("all.h5")
        shutil.copytree(cache, kept)
    else:
        shutil.copytree(kept, cache)
    # Results as on a terminal of 80 columns.
    monkeypatch.setattr("featx.cli.report.line_width", lambda *, err=False: 80)


@pytest.mark.long
@pytest.mark.parametrize("page", [page for page in pages.pages() if page not in ELSEWHERE])
def test_pages_show_what_their_code_prints(page, in_a_folder):
    printed = list(pages.run(page))
    if WRITE:
        pages.write(page, printed)
    else:
        found = {f"{page}:{block.line}": block.difference(text) for block, text in printed}
        assert {place: words for place, words in found.items() if words is not None} == {}


def _in_a_line(line):
    """Yield the words of each command of featx in a line of a shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    for apart, command in itertools.groupby(words, lambda word: not set(word) - set("();<>|&")):
        name, *arguments = command
        if not apart and name == "featx":
            yield [os.path.expandvars(argument) for argument in arguments]


def _parse(words):
    """Parse a command as click does, without running it."""
    command, found = words, main
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        assert name in found.commands, command
        found = found.commands[name]
    if words != ["--help"] and not isinstance(found, click.Group):
        try:
            found.make_context("featx", words)
        except featx.MissingDependencyError:  # of a cluster, whose name was read
            pass
        except click.BadParameter as error:  # a file of the reader
            if "does not exist" not in error.message:
                raise


@pytest.mark.parametrize("page", pages.pages())
def test_code_of_pages_is_typed_right(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("TASK_ID", "3"),
        ("TASK_MIN", "1"),
        ("TASK_MAX", "16"),
        ("TASK_COUNT", "16"),
        ("TASK_STEP", "1"),
    ):
        monkeypatch.setenv(f"SLURM_ARRAY_{name}", value)
    for block in pages.blocks(page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "featx":
                    module = importlib.import_module(node.module)
                    assert [name.name for name in node.names if not hasattr(module, name.name)] == []
        else:
            for command in block.commands:
                for words in _in_a_line(command):
                    _parse(words)


def test_every_command_and_public_name_has_its_place_in_the_reference():
    listed = re.findall(r"^   (\w+)$", (pages.ROOT / "docs/reference/api.rst").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == sorted(set(featx.__all__) - {"__version__"})


def _anchors(text):
    """Return the anchors of headings as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", h)).strip().lower().replace(" ", "-")
            for h in headings}  # fmt: skip


# Pages that the build writes.
BUILT = re.compile(r"(reference/commands\.md|gallery/.*)$")


@pytest.mark.parametrize("page", [*pages.pages(), *pages.OUTSIDE[1:]])
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", pages.read(page), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            assert re.fullmatch(r"https://[\w.-]+\.[a-z]+(/[^\s]*)?", link), link
            continue
        path, _, anchor = link.partition("#")
        target = (pages.ROOT / page).parent / path if path else pages.ROOT / page
        if not BUILT.search(target.resolve().as_posix()):
            assert target.exists(), link
            if anchor:
                assert anchor in _anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize(("shown", "printed"), [
    ("a 84.9 % (83.0-86.1)", "a   85.4 % (83.6-86.0)"),
    ("p 0.30, 12 of 20", "p 0.31, 12 of 20"),
    ("in 3.2 s, 4 MB", "in 2 min 4 s, 812 MB"),
    ("one two\n  three", "one\n  two three"),
    ("a  b\n-  ---\n1  2", "a   b\n--  --\n1   2"),
    ("one\n...\nfour", "one\ntwo\nthree\nfour"),
    ("one\n...", "one\ntwo\nthree\nfour"),
])  # fmt: skip
def test_what_counts_as_the_same_output(shown, printed):
    assert pages.differences(shown, printed) is None


@pytest.mark.parametrize(("shown", "printed"), [
    ("a 84.9 %", "a 86.9 %"),
    ("p 0.30, 12 of 20", "p 0.30, 13 of 20"),
    ("p 0.30", "p 0.45"),
    ("one\n...\nfour", "one\ntwo\nthree"),
    ("one", "one\ntwo"),
    ("one two", "one"),
    ("one", "two"),
])  # fmt: skip
def test_what_counts_as_another_output(shown, printed):
    assert "printed" in pages.differences(shown, printed)
