"""Promised: a note is logged once in a process, however often it is repeated; a step, each time that it begins."""

import logging
import sys

from featx.display.notes import is_noted, note_once, note_step, note_torch


def test_a_note_is_told_once(remarks):
    assert not is_noted("cv=5 has no effect")
    for text in ("cv=5 has no effect", "100 % of the images are copies", "cv=5 has no effect"):
        note_once(text)
    assert remarks() == ["cv=5 has no effect", "100 % of the images are copies"]
    assert is_noted("cv=5 has no effect")
    assert not is_noted("cv=6 has no effect")


def test_a_note_is_a_warning_and_a_step_is_not(caplog):
    caplog.set_level(logging.INFO, "featx.steps")
    for _ in range(2):
        note_once("a note")
        note_step("loading 7 % of it")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("featx", "WARNING", "a note"), *2 * [("featx.steps", "INFO", "loading 7 % of it")]
    ]  # fmt: skip


def test_loading_torch_is_a_step_unless_it_is_loaded(caplog, monkeypatch):
    caplog.set_level(logging.INFO, "featx.steps")
    monkeypatch.setitem(sys.modules, "torch", sys)
    note_torch()
    assert not caplog.records
    monkeypatch.delitem(sys.modules, "torch")
    note_torch()
    assert [record.getMessage() for record in caplog.records] == ["loading torch"]


def test_steps_are_seen_by_nobody_who_did_not_ask(caplog):
    note_step("loading the network")
    assert not caplog.records
