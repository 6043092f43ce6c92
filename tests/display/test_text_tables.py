"""Promised: a table that is too wide shortens names, then leaves columns out and names them, then stacks its rows."""

import dataclasses

import pytest

from featx.display.tables import CLASS_NAMES, Table
from featx.display.text_tables import render_text_table
from featx.reports.held_out import evaluation_parts
from shown_results import evaluation, render_text, too_long


def test_what_a_narrow_table_leaves_out_is_named():
    text = render_text(evaluation_parts(evaluation(["a", "b"], 3)), width=80)
    left_out = "not shown: log loss, calibration error, error if calibrated, seconds: `--json` has all"
    assert left_out in " ".join(text.split())
    assert "macro F1  " in text
    assert "log loss  " not in text


@pytest.mark.parametrize(("k", "width"), [(10, 79), (6, 39)])
def test_a_matrix_of_classes_with_one_beginning_is_headed_by_what_differs(k, width):
    text = render_text(evaluation_parts(evaluation([f"class_number_{i}" for i in range(k)], 1)), width=width)
    lines = text.splitlines()
    assert [f"…{i}" for i in range(k)] in [line.split() for line in lines]
    assert too_long(text, width) == []


WIDE = Table(
    ["class", "images", "recall", "seconds"],
    [["cat", "1,200", "94.9 % (93.8-95.8)", "0.5"], ["dog", "7", "-", "12.0"]],
    right=[1, 3],
    drop=[3, 1],
    names={0: CLASS_NAMES},
    title="recall of each class",
)


def test_columns_are_aligned_under_their_names():
    assert render_text_table(WIDE).splitlines() == [
        "recall of each class",
        "class  images  recall              seconds",
        "-----  ------  ------------------  -------",
        "cat     1,200  94.9 % (93.8-95.8)      0.5",
        "dog         7  -                      12.0",
    ]
    unnamed = render_text_table(Table(["", ""], [["macro F1", "0.5"], ["p", "1"]]))
    assert unnamed.splitlines() == ["macro F1  0.5", "p         1"]


@pytest.mark.parametrize(
    ("width", "header", "below"),
    [
        (42, "class  images  recall              seconds", []),
        (41, "class  images  recall", ["not shown: seconds: see there"]),
        (32, "class  recall", ["not shown: images, seconds: see", "  there"]),
    ],
)
def test_columns_are_left_out_in_the_tables_order_and_named_in_that_of_the_header(width, header, below):
    lines = render_text_table(WIDE, width=width, rest="see there").splitlines()
    assert lines[1] == header
    assert lines[5:] == below


def test_rows_that_fit_no_line_become_paragraphs_or_the_alternative():
    lines = render_text_table(WIDE, width=20).splitlines()
    assert lines[lines.index("cat") + 1 :][:4] == [
        "  images 1,200;",
        "    recall 94.9 %",
        "    (93.8-95.8);",
        "    seconds 0.5",
    ]
    assert "recall -" not in " ".join(lines)
    other = dataclasses.replace(WIDE, otherwise="too wide to be shown")
    assert render_text_table(other, width=20) == "too wide to be shown"
    assert render_text_table(other, width=80) == render_text_table(WIDE)
    told = dataclasses.replace(WIDE, stacked=["1,200 images", ""], stacked_header="what there is", more="3 more")
    assert [line for line in render_text_table(told, width=20).splitlines() if "-" not in line][1:] == [
        "class", "  what there is", "cat", "  1,200 images", "dog", "not shown: 3 more"
    ]  # fmt: skip


def test_wide_characters_and_control_characters_take_the_cells_that_they_take():
    lines = render_text_table(Table(["class", "n"], [["猫", "1"], ["a\nb", "2"]])).splitlines()
    assert lines[2:] == ["猫     1", "a\\nb   2"]
