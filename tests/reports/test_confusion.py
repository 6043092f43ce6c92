"""Promised: few classes are shown completely, of many the hardest and those that are confused most."""

from types import SimpleNamespace

import numpy as np
import pytest

from featx.reports.confusion import class_tables, confused_pairs, hardest_classes
from featx.reports.held_out import evaluation_parts, judgement_parts
from shown_results import evaluation, render_text, report


@pytest.mark.parametrize(
    ("k", "kind"), [(2, "matrix"), (12, "matrix"), (13, "pairs"), (30, "pairs"), (31, "hardest"), (102, "hardest")]
)
def test_classes_are_shown_whole_or_by_the_hardest_and_most_confused(k, kind):
    names = [f"c{i:03d}" for i in range(k)]
    matrix = np.eye(k, dtype=int) * 9
    matrix[1, 0], matrix[0, 1], matrix[k - 1, 0] = 5, 2, 4
    text = render_text(evaluation_parts(evaluation(names, 1, matrix)), width=80)
    assert ("true classes in rows" in text) == (kind == "matrix")
    lines = text.splitlines()
    if kind == "matrix":
        return
    place = lines.index("the most confused pairs")
    assert [line.split() for line in lines[place + 3 : place + 6]] == [
        ["c001", "c000", "5", "35.7", "%"],
        [names[-1], "c000", "4", "30.8", "%"],
        ["c000", "c001", "2", "18.2", "%"],
    ]
    ranked = f"the 10 hardest of {k} classes, by F1"
    assert (ranked in lines) == (kind == "hardest")
    if kind == "hardest":
        first = lines[lines.index(ranked) + 3 :][:10]
        assert [line.split()[0] for line in first[:3]] == ["c000", "c001", names[-1]]
        assert f"not shown: {k - 10} more classes: `--json` has all" in lines
    else:
        assert all(any(line.startswith(name) for line in lines) for name in names)


def test_a_matrix_that_does_not_fit_gives_way_to_the_pairs():
    names = [f"class {i}" for i in range(12)]
    assert "true classes in rows" in render_text(evaluation_parts(evaluation(names, 1)), width=120)
    narrow = render_text(evaluation_parts(evaluation(names, 1)), width=30)
    assert "true classes in rows" not in narrow
    assert "the most confused pairs" in narrow
    assert "not shown: of its images; 1 more pair; the confusion matrix: `--json` has all" in " ".join(narrow.split())


def test_no_confusion_is_said():
    result = report([f"c{i}" for i in range(20)], np.eye(20, dtype=int))
    assert "no image was taken for one of another class" in render_text(
        judgement_parts(SimpleNamespace(**vars(result), protocol=""))
    )
    assert confused_pairs(result) == []


def test_classes_with_few_images_are_not_ranked_among_others():
    counts = np.array([20] * 11 + [1] + [0])
    matrix = np.diag(counts - np.array([*range(11), 1, 0]))
    matrix[range(12), (np.arange(12) + 1) % 11] += np.array([*range(11), 1])
    result = report([f"c{i}" for i in range(13)], matrix)
    assert [row["class"] for row in hardest_classes(result)][:2] == ["c10", "c9"]
    assert len(hardest_classes(result)) == 11
    few = report([f"c{i}" for i in range(3)], np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]]))
    assert [row["class"] for row in hardest_classes(few)] == ["c0", "c1"]


def test_a_class_without_test_images_has_no_figures():
    table, *_ = class_tables(report(["a", "b", "c"], np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])))
    assert table.rows == [
        ["a", "100.0", "50.0", "50.0", "0.0", "66.7", "2"],
        ["b", "66.7", "100.0", "0.0", "50.0", "80.0", "2"],
        ["c", "-", "-", "-", "-", "-", "0"],
    ]
    old = report(["a", "b"], np.array([[1, 1], [0, 2]]))
    old.per_class = [{key: value for key, value in row.items() if "_rate" not in key} for row in old.per_class]
    table, *_ = class_tables(old)
    assert table.rows[0] == ["a", "100.0", "50.0", "-", "-", "66.7", "2"]


def test_rates_are_shown_where_there_is_room_and_recall_is_the_true_positive_rate():
    parts = judgement_parts(SimpleNamespace(**vars(report(["ant", "bee", "cat"])), protocol=""))
    text = render_text(parts, width=80)
    assert "class  precision %  recall = TPR %  FNR %  FPR %  F1 %  images" in text
    assert "ant          100.0            75.0   25.0    0.0  85.7      12" in text
    assert "TPR, FNR, FPR: rates of true positives, false negatives and false positives" in text
    narrow = render_text(parts, width=50)
    assert "not shown: FNR %" in narrow
    assert "recall = TPR %" in narrow


@pytest.mark.parametrize(("k", "named"), [(3, True), (13, False), (31, False)])
def test_the_best_and_worst_class_are_named_and_the_pair_where_no_table_begins_with_it(k, named):
    matrix = np.diag([9, 8, *[7] * (k - 2)])
    matrix[0, 1] = 1
    text = render_text(evaluation_parts(evaluation([f"c{i}" for i in range(k)], 1, matrix)))
    like = "like 1 other class" if k == 3 else f"like {k - 2} other classes"
    assert text.count(f"best: 'c1', 8 of 8 right (100.0 %), {like}; worst: 'c0', 9 of 10 right (90.0 %)") == 1
    assert text.count("most often confused: 'c0' taken for 'c1', 1 of 10") == named


@pytest.mark.parametrize("k", [3, 20])
def test_a_perfect_result_is_said_once(k):
    text = render_text(evaluation_parts(evaluation([f"c{i}" for i in range(k)], 1, 5 * np.eye(k, dtype=int))))
    assert text.count("no image was taken for one of another class") == 1
