"""The metrics of held-out predictions, and what tables and sentences call them."""

from __future__ import annotations

__all__ = ["METRICS", "METRIC_NAMES", "RANKING_METRICS"]

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "log_loss",
    "expected_calibration_error",
    "debiased_calibration_error",
    "calibration_error_if_calibrated",
)
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
# Of one class against the rest, by how probable it is.
RANKING_METRICS = ("roc_auc", "average_precision")
