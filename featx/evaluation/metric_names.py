"""The names of metrics in tables and sentences, without what computes them."""

from __future__ import annotations

__all__ = ["METRIC_NAMES", "RANKING_METRICS"]

# Of one class against the rest; see `score_ranking`.
RANKING_METRICS = ("roc_auc", "average_precision")
METRIC_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "expected_calibration_error": "expected calibration error",
    "debiased_calibration_error": "calibration error",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
}
