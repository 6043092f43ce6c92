"""Promised: what the commands print fits the terminal, nothing is lost without a word, and pipes get all of it."""

import dataclasses
import functools
import os
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
from featx.cache import EmbeddingSpec
from featx.cache.maintenance import CacheReport, SpecInfo
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.comparison.result import ComparisonResult, CurveResult
from featx.comparison.size_result import SizeResult, StrategyResult, Verdict
from featx.comparison.stage_study import StageScores, StageStudy
from featx.comparison.strategy_pairs import PairResult
from featx.display import text_tables
from featx.display.short_names import cell_width
from featx.display.tables import CLASS_NAMES, Table
from featx.display.terminal import fill, line_width
from featx.evaluation.baseline import Baseline
from featx.evaluation.estimates import Estimate
from featx.evaluation.held_out_result import HeldOutResult
from featx.evaluation.learning_curves import Extrapolation, PowerLaw
from featx.evaluation.metrics import classification_report
from featx.extraction.extract import ExtractionResult
from featx.forecast.result import ForecastResult, Part
from featx.heads.results import CandidateResult, EvaluationResult
from featx.reports.comparison import comparison_parts
from featx.reports.confusion import class_tables, confused_pairs, hardest_classes
from featx.reports.costs import extraction_parts, forecast_parts
from featx.reports.held_out import evaluation_parts, finetuning_parts, judgement_parts
from featx.reports.listings import backbone_parts, cache_check_parts, cache_parts, prediction_parts, stage_parts
from featx.workflows.predict import Prediction

WIDTHS = (40, 47, 60, 79, 80, 100, 120, 140)
SHARE = Estimate(0.949, 0.938, 0.958)
LOSS = Estimate(0.243, 0.173, 0.357)
METRICS = {
    **dict.fromkeys(["accuracy", "balanced_accuracy", "macro_f1"], SHARE),
    **dict.fromkeys(["log_loss", "debiased_calibration_error", "calibration_error_if_calibrated"], LOSS),
}
render_text = functools.partial(text_tables.render_text, rest="`--json` has all")
render_text_table = text_tables.render_text_table
NAMES = st.lists(
    st.text(st.sampled_from("ab_- 猫e\u0301🐕1"), min_size=1, max_size=60).filter(lambda name: name == name.strip()),
    min_size=2,
    unique=True,
)


def report(names, matrix=None):
    k = len(names)
    matrix = np.eye(k, dtype=int) * 9 + np.eye(k, k=1, dtype=int) * 3 if matrix is None else matrix
    text = f"always answering the largest class, {names[0]!r}, gives accuracy 10.2 %; the model is better (p < 0.001)"
    baseline = Baseline(names[0], 0.1, "accuracy", 0.1, 0.0, "better", True, text)
    rows = classification_report(names, matrix)
    return HeldOutResult(names, int(matrix.sum()), METRICS, rows, matrix.tolist(), baseline, [])


def evaluation(names, n_candidates, matrix=None):
    candidates = [
        CandidateResult(head, layer, "avgmax", 1280, METRICS, not i, bool(i), SHARE, None if i else 0.2, [], 2.5)
        for i, (head, layer) in enumerate([("logistic", "stage3"), ("linear_svm", "head"), ("knn", "head")])
    ][:n_candidates]
    simpler = candidates[-1] if n_candidates > 1 else None
    return EvaluationResult(
        **vars(report(names, matrix)), n_images=99, protocol="5 folds", scoring="accuracy", candidates=candidates,
        head="logistic", layer="head", pooling="avg", parameters={"C": 0.1}, model_fitted_on=99,
        test="McNemar's exact test", simpler=simpler,
    )  # fmt: skip


def comparison(names):
    seconds = {"extraction": 1234.5, "training": 3.0, "prediction": 0.1}
    found = [StrategyResult(name, "frozen", SHARE, SHARE, [0.9], 0.99, 0.91, seconds) for name in names]
    pairs = [PairResult(names[0], name, Estimate(0.01, -0.1, 0.2), 0.5, 0.6, 0.07, 0.1) for name in names[1:]]
    use = names[0]
    verdict = Verdict("undecided", use, use, [], [], names, 0.01, 9, None, None, f"use {use}", ["a " * 99])
    sizes = [SizeResult(100, 10, 3, found, pairs, 0.2, verdict, [f"{names[0]} is no better"])]
    beyond = Extrapolation(200, SHARE, PowerLaw(1.7, 0.3, 0.01), 3)
    stage = StageScores("layer4", "avg", 2048, SHARE)
    study = StageStudy("resnet50", 99, "logistic regression", [stage], "layer4", 0.01, "similar")
    return ComparisonResult(
        [], 100, 20, 3, 0, 0.01, "3 random splits", "95 % intervals", "t-test", False, sizes,
        [CurveResult(name, [100], [SHARE], beyond) for name in names], study,
    )  # fmt: skip


class Store:
    root = "/home/somebody/.cache/featx"

    def info(self):
        spec = EmbeddingSpec(
            backbone="efficientnet_lite0",
            weights_digest="0" * 64,
            layer="stage6.3.add",
            pooling="map:float16",
            preprocessing="resize=37;crop=32",
        )
        other = dataclasses.replace(spec, preprocessing="resize=256;crop=224;mean=0.5,0.5,0.5")
        return [SpecInfo(s, 1797, 1280, "float32", 9_300_000, 2, time.time(), 1, 100) for s in (spec, other)]


@functools.cache
def backbones():
    return [*backbone_parts(), *stage_parts("efficientnet_lite0")]


def results(names):
    """Return the tables and sentences of every kind of result."""
    outcome = SimpleNamespace(
        **vars(report(names)), trained_stages=["stage6", "head"], protocol="held out", best_epoch=2,
        model=SimpleNamespace(trainable_layers=None), history={"epoch": [1, 2]},
        seconds={"extraction": 75.0, "training": 2.0},
    )  # fmt: skip
    forecast = ForecastResult(
        3000, 3000, 40, True, 64, 1, True, 10, [Part(name, 75.4, 2_000_000, 0, 2960) for name in names]
    )
    top = tuple((name, 0.5) for name in names[:3])
    predictions = [Prediction(f"folder/of/images/{i}/{name}.jpg", top) for i, name in enumerate(names)]
    problems = CacheReport(2, 9, [], [], [])
    return {
        "fit": evaluation_parts(evaluation(names, 1)),
        "search": evaluation_parts(evaluation(names, 3)),
        "finetune": finetuning_parts(outcome),
        "judgement": judgement_parts(SimpleNamespace(**vars(report(names)), protocol="judged")),
        "compare": comparison_parts(comparison(names)),
        "predict": prediction_parts(predictions),
        "first": prediction_parts([Prediction(p.name, p.top[:1]) for p in predictions]),
        "extract": extraction_parts(ExtractionResult(n_images=9, n_forwarded=9, seconds={"wait": 9.0, "read": 2.0})),
        "forecast": forecast_parts(forecast),
        "cache": [*cache_parts(Store()), *cache_check_parts(Store(), problems)],
        "backbones": backbones(),
    }  # fmt: skip


def too_long(text, width):
    """Return lines that are longer, but for those of one word that is to be copied."""
    lines = [line for line in text.splitlines() if cell_width(line) > width]
    return [line for line in lines if not re.fullmatch(r" *(`[^`]*`\S*|\S*[/\\]\S*)", line)]


def _words(text):
    return set(re.findall(r"[^\s,;:]+", text))


def shown(parts, width):
    """Render a result, and check of each table that it lost nothing without a word."""
    text = render_text(parts, width=width)
    assert too_long(text, width) == []
    for part in parts:
        if isinstance(part, Table) and not part.named_header:
            table = render_text_table(part, width=width)
            words = _words(table)
            if not part.stacked:
                named = [name for i, name in enumerate(part.header) if any(row[i] for row in part.rows)]
                assert {word for name in named for word in _words(name)} <= words
            kept = [i for i in range(len(part.header)) if i not in (*part.names, *part.drop)]
            assert {word for row in part.rows for i in kept for word in _words(row[i])} <= words
    return text


@pytest.mark.parametrize("width", WIDTHS)
def test_every_result_fits_the_width(width):
    for names in (["cat", "dog"], [f"computer_icons_of_the_filesystem_number_{k}" for k in range(46)]):
        for parts in results(names).values():
            shown(parts, width)


@settings(max_examples=40, deadline=None)
@given(NAMES, st.integers(40, 140))
def test_any_names_fit_any_width_and_stay_apart(names, width):
    for kind, parts in results(names).items():
        if kind not in ("cache", "backbones", "extract"):
            shown(parts, width)
    rows = [[name, "1", "2.5 % (1.0-3.0)"] for name in names]
    table = render_text_table(
        Table(["class", "images", "recall"], rows, right=[1], drop=[1], names={0: CLASS_NAMES}), width=width
    )
    assert len({line.rpartition("  ")[0] for line in table.splitlines()[2 : 2 + len(names)]}) == len(names)


def test_a_pipe_gets_every_column_and_name_whole():
    long = [f"computer_icons_of_the_filesystem_number_{k}" for k in range(12)]
    for parts in results(long).values():
        text = render_text(parts)
        assert "not shown" not in text
        assert "…" not in text
        for part in parts:
            cells = [part] if isinstance(part, str) else [*part.header, *(cell for row in part.rows for cell in row)]
            assert all(cell in text for cell in cells)


def test_a_layer_that_all_share_is_no_column():
    several = next(part for part in evaluation_parts(evaluation(["a", "b"], 3)) if isinstance(part, Table))
    assert list(several.header[:3]) == ["head", "layer", "accuracy"]
    assert "pooling" not in several.header


def test_what_a_narrow_table_leaves_out_is_named():
    text = render_text(evaluation_parts(evaluation(["a", "b"], 3)), width=80)
    assert "not shown: log loss, calibration error, if calibrated, seconds: `--json` has all" in text
    assert "macro F1  " in text
    assert "log loss  " not in text


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


@pytest.mark.parametrize(("k", "width"), [(10, 79), (6, 39)])
def test_a_matrix_of_classes_with_one_beginning_is_headed_by_what_differs(k, width):
    text = render_text(evaluation_parts(evaluation([f"class_number_{i}" for i in range(k)], 1)), width=width)
    lines = text.splitlines()
    assert [f"…{i}" for i in range(k)] in [line.split() for line in lines]
    assert too_long(text, width) == []


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
    table, _ = class_tables(report(["a", "b", "c"], np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])))
    assert table.rows == [["a", "100.0", "50.0", "66.7", "2"], ["b", "66.7", "100.0", "80.0", "2"],
                          ["c", "-", "-", "-", "0"]]  # fmt: skip


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


@pytest.mark.parametrize(
    ("probability", "below"), [(0.5, "label probability, label_2 probability_2"), (None, "label, label_2")]
)
def test_predictions_below_their_images_have_a_heading(probability, below):
    top = [("a very long name of a class", probability), ("another long name of a class", probability)]
    lines = render_text(prediction_parts([SimpleNamespace(name="photo.png", top=top)]), width=50).splitlines()
    assert lines[0] == "path"
    assert " ".join(lines[1 : lines.index("-" * 9)]).split() == below.split()
