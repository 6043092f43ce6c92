"""Results of every kind that were not computed, to be shown, and the lines of a text that are too long."""

import dataclasses
import functools
import re
import time
from types import SimpleNamespace

import numpy as np

from featx.cache import EmbeddingSpec
from featx.cache.maintenance import CacheReport, SpecInfo
from featx.comparison.result import ComparisonResult, CurveResult
from featx.comparison.size_result import SizeResult, StrategyResult, Verdict
from featx.comparison.stage_study import StageScores, StageStudy
from featx.comparison.strategy_pairs import PairResult
from featx.display import text_tables
from featx.display.short_names import cell_width
from featx.evaluation.baseline import Baseline
from featx.evaluation.estimates import Estimate
from featx.evaluation.held_out_result import HeldOutResult
from featx.evaluation.learning_curves import Extrapolation, PowerLaw
from featx.evaluation.metrics import classification_report
from featx.evaluation.prediction_table import PredictionTable
from featx.extraction.extract import ExtractionResult
from featx.forecast.result import ForecastResult, Part
from featx.heads.results import CandidateResult, EvaluationResult
from featx.reports.comparison import comparison_parts
from featx.reports.costs import extraction_parts, forecast_parts
from featx.reports.held_out import evaluation_parts, finetuning_parts, judgement_parts
from featx.reports.listings import backbone_parts, cache_check_parts, cache_parts, prediction_parts, stage_parts
from featx.workflows.predict import Prediction

SHARE = Estimate(0.949, 0.938, 0.958)
LOSS = Estimate(0.243, 0.173, 0.357)
METRICS = {
    **dict.fromkeys(["accuracy", "balanced_accuracy", "macro_f1"], SHARE),
    **dict.fromkeys(["log_loss", "debiased_calibration_error", "calibration_error_if_calibrated"], LOSS),
}
render_text = functools.partial(text_tables.render_text, rest="`--json` has all")


def report(names, matrix=None):
    """Return figures of held-out images of these classes; each is taken for the next one now and then."""
    k = len(names)
    matrix = np.eye(k, dtype=int) * 9 + np.eye(k, k=1, dtype=int) * 3 if matrix is None else matrix
    text = f"always answering the largest class, {names[0]!r}, gives accuracy 10.2 %; the model is better (p < 0.001)"
    baseline = Baseline(names[0], 0.1, "accuracy", 0.1, 0.0, "better", True, text)
    truth, answers = (places.repeat(matrix.ravel()) for places in np.indices((k, k)).reshape(2, -1))
    table = PredictionTable(names, np.arange(len(truth)), truth, answers, None, np.full(len(truth), "test"))
    rows = classification_report(names, truth, answers)
    return HeldOutResult(names, int(matrix.sum()), METRICS, rows, matrix.tolist(), baseline, [], table)


def evaluation(names, n_candidates, matrix=None):
    """Return what a search of one to three candidates found, of which the first is picked."""
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
    """Return a comparison of strategies of these names."""
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
    """A cache of two specs that differ in nothing that has a column."""

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
