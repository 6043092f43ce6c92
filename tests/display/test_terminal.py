"""Promised: sentences fit the terminal with all their words, and what is to be copied stays in one piece."""

import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.display.terminal import fill, line_width, printable
from shown_results import too_long


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "word", "`featx fit photos -o m.skops`", "/a/b", "猫" * 30, "x" * 90, "3 %"])),
    st.integers(40, 140),
)
def test_sentences_keep_their_words_and_what_is_copied_whole(words, width):
    text = fill(" ".join(words), width)
    assert too_long(text, width) == []
    assert text.count("`featx fit photos -o m.skops`") == words.count("`featx fit photos -o m.skops`")
    assert text.count("/a/b") == words.count("/a/b")
    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", "".join(words))


def test_lines_take_the_width_of_the_terminal(monkeypatch):
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    leader, follower = pty.openpty()
    monkeypatch.delenv("COLUMNS", raising=False)
    with os.fdopen(leader), os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        for columns, width in ((72, 72), (20, 40), (0, 80)):
            termios.tcsetwinsize(follower, (24, columns))
            assert line_width() == width
        assert line_width(err=True) is None
        monkeypatch.setenv("COLUMNS", "99")
        assert (line_width(), line_width(err=True)) == (99, None)
        monkeypatch.setenv("COLUMNS", "many")
        assert line_width() == 80


@pytest.mark.parametrize("before", ["note: ", "cannot read ", ""])
def test_names_of_files_with_blanks_are_not_broken(before, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all (photographs) of birds + others").mkdir()
    text = fill(f"{before}all (photographs) of birds + others: 24 images, 2 classes, and more to say of it", 40)
    assert any("all (photographs) of birds + others:" in line for line in text.splitlines())


@pytest.mark.parametrize("name", ["plain", "é ü", "日本\u3000語", "👩\u200d🔬", "a\u00a0b", "two\nlines", ""])
def test_what_people_write_is_printed_as_it_is(name):
    assert printable(name) == name
