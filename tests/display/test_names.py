"""Promised: messages name the first of many things and count the rest, and file names can be pasted into a shell."""

import shlex

import pytest

from featx.display.names import few, quoted, span_text


@pytest.mark.parametrize(
    ("number", "options", "text"),
    [
        (0, {}, ""),
        (3, {}, "a, b, c"),
        (4, {}, "a, b, c and 1 more"),
        (5, {"most": 2, "between": "; "}, "a; b and 3 more"),
        (3, {"total": 1234}, "a, b, c and 1,231 more"),
        (5, {"total": 9}, "a, b, c and 6 more"),
        (2, {"total": 2}, "a, b"),
    ],
)
def test_the_first_names_are_given_and_the_others_counted(number, options, text):
    assert few(list("abcde")[:number], **options) == text


def test_names_in_an_order_are_given_by_the_first_and_the_last():
    assert [span_text(list(names)) for names in ("a", "ab", "abcde")] == ["a", "a to b", "a to e"]


@pytest.mark.parametrize("name", ["a b", "it's", "-x", "--output", "$HOME", "é"])
def test_a_quoted_name_is_one_word_and_no_option(name):
    (word,) = shlex.split(quoted(name))
    assert word.removeprefix("./") == name
    assert not word.startswith("-")
    assert shlex.split(quoted(name, "b")) == [word, "b"]
