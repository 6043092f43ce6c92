"""Promised: what featx changes in a process is what it says, once, and what it remembers can be forgotten."""

import ast
import gc
import socket
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

import featx
from featx import CNNFeatureTransformer, process
from featx.cli import main


@pytest.fixture
def mallopt(monkeypatch):
    """The calls of mallopt, in place of the C library's."""
    calls = []

    class Library:
        def __init__(self, name):
            self.mallopt = lambda parameter, value: calls.append((parameter, value)) or 1

    monkeypatch.setattr(process.ctypes, "CDLL", Library)
    for name in process.ALLOCATOR_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="an allocator of Linux")
def test_freed_memory_is_kept_unless_the_environment_has_chosen(mallopt, monkeypatch):
    assert process.keep_freed_memory.__wrapped__()
    assert mallopt == [(-3, 1 << 30), (-1, 1 << 30)]
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=0")
    assert not process.keep_freed_memory.__wrapped__()
    assert len(mallopt) == 2


def test_a_c_library_without_that_is_left_alone(monkeypatch):
    def missing(name):
        raise OSError("no such library")

    monkeypatch.setattr(process.ctypes, "CDLL", missing)
    assert not process.keep_freed_memory.__wrapped__()


def test_garbage_is_looked_for_among_all_objects_less_often_while_a_command_runs():
    before, within = gc.get_threshold(), []
    assert before[2] > 0

    @click.command()
    def note():
        within.append(gc.get_threshold())

    main.add_command(note)
    try:
        result = CliRunner().invoke(main, ["note"])
    finally:
        del main.commands["note"]
    assert not result.exception
    assert within == [(*before[:2], 10 * before[2])]
    assert gc.get_threshold() == before
    with pytest.raises(KeyError), process.rare_collections():
        raise KeyError
    assert gc.get_threshold() == before


def test_connections_time_out_for_a_while_unless_the_program_has_chosen():
    with process.connections_time_out(7):
        assert socket.getdefaulttimeout() == 7
    assert socket.getdefaulttimeout() is None
    try:
        socket.setdefaulttimeout(3)
        with pytest.raises(KeyError), process.connections_time_out(7):
            assert socket.getdefaulttimeout() == 3
            raise KeyError
        assert socket.getdefaulttimeout() == 3
    finally:
        socket.setdefaulttimeout(None)


def test_what_is_forgotten_is_found_again(tiny, tmp_path, caplog):
    kept = process.remember("remarks", {"said"})
    loaded = process.remember("networks", {"net": 1})
    process.forget("remarks")
    assert (kept, loaded) == (set(), {"net": 1})
    images = [np.full((32, 32, 3), 99, np.uint8)]
    rows = CNNFeatureTransformer(**tiny, cache=tmp_path).fit_transform(images)
    process.forget()
    assert not loaded
    assert (CNNFeatureTransformer(**tiny, cache=tmp_path).fit_transform(images) == rows).all()


# Calls that change the whole process, by the last names of what is called.
CHANGES = {
    "atexit.register", "environ", "filterwarnings", "mallopt", "putenv", "register_at_fork", "set_default_dtype",
    "set_float32_matmul_precision", "set_num_interop_threads", "set_num_threads", "set_start_method",
    "setdefaulttimeout", "setlocale", "setrecursionlimit", "signal", "simplefilter", "umask",
    "use_deterministic_algorithms",
}  # fmt: skip
# Where they are undone at the end of a block, or happen in a process of featx's own.
ELSEWHERE = {
    "images/decoder_process": {"signal"},
    "runtime/lanes": {"set_num_threads"},
}


def _changes(path):
    """Return which of these a module calls outside ``with warnings.catch_warnings()``, or assigns to."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.With) and "catch_warnings" in "".join(map(ast.unparse, block.items))
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in inside:
            found |= {called := ast.unparse(node.func), called.rpartition(".")[2]}
        if isinstance(node, ast.Assign | ast.Delete):
            found |= {"environ" for target in node.targets if "os.environ[" in ast.unparse(target)}
    return found & CHANGES


def test_the_process_is_changed_by_one_module():
    root = Path(featx.__file__).parent
    found = {str(path.relative_to(root).with_suffix("")): _changes(path) for path in root.rglob("*.py")}
    assert found.pop("process") == {"atexit.register", "mallopt", "register_at_fork", "setdefaulttimeout"}
    assert {name: changes for name, changes in found.items() if changes} == ELSEWHERE


# What is not forgotten, by module: work that is going on, and what identifies a user's modules while they live.
KEPT = {
    "cache/locks": {"_watches"},
    "cli/interrupts": {"_kept"},
    "display/progress": {"_bars"},
    "images/decoder_process": {"_idle", "_started_at"},
    "networks/custom_modules": {"_registered", "_unidentified", "_written"},
    "runtime/deadlines": {"_stuck"},
    "torch_modules/object_state": {"_serials"},
}
EMPTY = {"{}", "[]", "set()", "dict()", "list()", "OrderedDict()", "deque()", "None"}


def _containers(path):
    """Return the private names of a module that begin as an empty container and that nothing forgets."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if ast.unparse(target).startswith("_") and ast.unparse(node.value) in EMPTY:
                yield ast.unparse(target)


def test_what_is_remembered_for_the_whole_process_can_be_forgotten_or_is_named_here():
    root = Path(featx.__file__).parent
    found = {}
    for folder, prefix in ((root, ""), (root.parent / "cache", "cache/"), (root.parent / "cli", "cli/")):
        for path in folder.rglob("*.py"):
            found[f"{prefix}{path.relative_to(folder).with_suffix('')}"] = set(_containers(path))
    assert {name: kept for name, kept in found.items() if kept} == KEPT
