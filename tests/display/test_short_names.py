"""Promised: a shortened name fits its width, and no two names become alike."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.display.short_names import cell_width, class_labels, shorten_files, shorten_names

# Letters of one and of two cells, an accent, an emoji of several characters, and what names share.
PIECES = ["a", "b", "Z", "_", " ", "-", "猫", "犬", "e\u0301", "👩\u200d🔬", "…", "computer_icons_of_", "0", "1", "…1"]
LISTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), min_size=1, max_size=12)
FOLDER = "/data/photographs/of/the/year"


@settings(max_examples=150, deadline=None)
@given(LISTS, LISTS, st.integers(6, 40))
def test_short_names_fit_and_differ(names, pool, width):
    for short, others in (
        (shorten_names(names, width, pool=pool), pool),
        (shorten_files(names, width), []),
    ):
        assert all(cell_width(name) <= width for name in short)
        assert len(set(short)) == len(set(names))
        assert len(set(zip(names, short, strict=True))) == len(set(names))
        if all(cell_width(name) <= width for name in (*names, *others)):
            assert short == names


@settings(max_examples=50, deadline=None)
@given(LISTS, LISTS, st.integers(6, 40))
def test_short_names_differ_from_those_that_are_not_shown(names, pool, width):
    every = list(dict.fromkeys([*names, *pool]))
    short = dict(zip(every, shorten_names(every, width), strict=True))
    assert shorten_names(names, width, pool=pool) == [short[name] for name in names]


@pytest.mark.parametrize(
    ("names", "width", "short"),
    [
        (["cat", "dog"], 6, ["cat", "dog"]),
        (["icons_of_devices_printer", "icons_of_folders"], 18, ["…devices_printer", "…folders"]),
        (["icons_of_devices_printer", "icons_of_folders"], 8, ["…printer", "…folders"]),
        (["a_name_that_is_much_too_long", "cat"], 12, ["a_name…_long", "cat"]),
        (["alphabet" * 3 + "0" + "y" * 9, "alphabet" * 3 + "1" + "y" * 9], 12, ["alph…0yyyyy…", "alph…1yyyyy…"]),
        (["汉字的非常长的类别名称一", "汉字的非常长的类别名称二"], 12, ["汉字的…称一", "汉字的…称二"]),
        (["x" * 9 + "ab" + "y" * 9 + c + "z" * 9 for c in "pq"], 6, ["xx…pz…", "xx…qz…"]),
        # Alike at the beginning, at the end and around their first difference: numbers are left.
        ([f"aaaaaaaa{c}aaaaaaaa{d}aaaaaa" for c in "xy" for d in "pq"], 8, [f"aaaaaa…{i}" for i in (1, 2, 3, 4)]),
    ],
)  # fmt: skip
def test_names_keep_what_tells_them_apart(names, width, short):
    assert shorten_names(names, width) == short


def test_files_keep_their_ends():
    names = [f"{FOLDER}/red/0.jpg", f"{FOLDER}/red/1.jpg", "x.png"]
    assert shorten_files(names, 14) == ["…ear/red/0.jpg", "…ear/red/1.jpg", "x.png"]
    short = shorten_files([f"{FOLDER}/{k:03d}/portrait.jpg" for k in range(200)], 14)
    assert len(set(short)) == 200
    assert all(f"{k:03d}" in name for k, name in enumerate(short))


def test_labels_of_classes_are_one_line_and_unlike():
    assert class_labels(["a\nb", "a b", "c", 7], 24) == ["'a\\nb'", "'a b'", "c", "7"]


@pytest.mark.parametrize(("text", "cells"), [("", 0), ("abc", 3), ("猫", 2), ("e\u0301", 1), ("👩\u200d🔬", 2)])
def test_widths_are_those_of_a_terminal(text, cells):
    assert cell_width(text) == cells
