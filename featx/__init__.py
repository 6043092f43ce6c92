"""Image classification by transfer learning: embeddings computed once, classifiers tuned and judged on them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ForwardRef

from ._version import __version__
from .display.summary_mixin import show_by

if TYPE_CHECKING:
    from .audit.audit import audit_dataset
    from .audit.result import AuditResult
    from .cache import EmbeddingCache, EmbeddingSpec
    from .comparison.compare import compare_strategies
    from .comparison.result import ComparisonResult
    from .comparison.strategies import make_strategy
    from .datasets.dataset import ImageDataset
    from .datasets.load import load_dataset
    from .evaluation.nested_subsets import nested_subsets
    from .exceptions import (
        BackboneError,
        CacheError,
        DatasetError,
        FeatxError,
        ImageDecodeError,
        LayerError,
        MissingDependencyError,
        ModelFileError,
        ParameterError,
        TrainingError,
        TrainingWarning,
        WeightsError,
        WorkerError,
    )
    from .extraction.extract import ExtractionResult, Failure, extract_embeddings
    from .extraction.transformer import CNNFeatureTransformer
    from .finetuning.classifier import CNNFineTuneClassifier
    from .forecast.compare import forecast_comparison
    from .forecast.extract import forecast_extraction
    from .forecast.finetune import forecast_finetuning
    from .forecast.fit import forecast_fit
    from .forecast.rank import forecast_ranking
    from .forecast.result import ForecastResult
    from .heads.head_names import HEADS
    from .heads.make_head import make_head
    from .heads.nested_cv import evaluate_heads
    from .heads.results import CandidateResult, EvaluationResult
    from .heads.threshold_classifier import ThresholdClassifier
    from .heads.tuned_head import TunedHead
    from .html_report.report_file import write_report
    from .images.augmentation import Augmentation
    from .images.sources import ImageSource, ImageSources, as_sources, read_image
    from .model_files.persistence import load_model, save_model
    from .networks.backbone import Backbone, BackboneSource
    from .networks.precision import choose_precision
    from .networks.resolve import list_backbones, resolve_backbone
    from .onnx_export.export import OnnxExport, export_onnx
    from .ranking.rank import rank_backbones
    from .ranking.result import RankingResult
    from .remote.pull import pull_cache
    from .remote.push import push_cache
    from .remote.result import TransferResult
    from .reports.comparison_confusion_plot import plot_comparison_confusion
    from .reports.comparison_history_plot import plot_comparison_history
    from .reports.comparison_plot import plot_comparison
    from .reports.evaluation_plot import plot_evaluation
    from .reports.history_plot import plot_history
    from .reports.image_sheets import plot_images
    from .reports.plots import plot_confusion_matrix
    from .reports.ranking_plot import plot_ranking
    from .workflows.extract import write_embeddings
    from .workflows.finetune import finetune_model
    from .workflows.finetune_result import FineTuneResult
    from .workflows.fit import fit_model
    from .workflows.fit_result import FitResult
    from .workflows.predict import Prediction, Predictions, predict_images

_MODULES = {
    # features
    "extraction.transformer": ("CNNFeatureTransformer",),
    "extraction.extract": ("ExtractionResult", "Failure", "extract_embeddings"),
    "networks.resolve": ("list_backbones", "resolve_backbone"),
    "networks.backbone": ("Backbone", "BackboneSource"),
    "networks.precision": ("choose_precision",),
    "workflows.extract": ("write_embeddings",),
    # heads, figures and models
    "heads.head_names": ("HEADS",),
    "heads.make_head": ("make_head",),
    "heads.tuned_head": ("TunedHead",),
    "heads.threshold_classifier": ("ThresholdClassifier",),
    "heads.nested_cv": ("evaluate_heads",),
    "heads.results": ("CandidateResult", "EvaluationResult"),
    "workflows.fit": ("fit_model",),
    "workflows.fit_result": ("FitResult",),
    "model_files.persistence": ("load_model", "save_model"),
    "workflows.predict": ("Prediction", "Predictions", "predict_images"),
    "onnx_export.export": ("OnnxExport", "export_onnx"),
    "reports.image_sheets": ("plot_images",),
    # comparing
    "comparison.compare": ("compare_strategies",),
    "comparison.result": ("ComparisonResult",),
    "comparison.strategies": ("make_strategy",),
    "reports.comparison_plot": ("plot_comparison",),
    "reports.comparison_confusion_plot": ("plot_comparison_confusion",),
    "reports.comparison_history_plot": ("plot_comparison_history",),
    # auditing a data set
    "audit.audit": ("audit_dataset",),
    "audit.result": ("AuditResult",),
    # choosing a network
    "ranking.rank": ("rank_backbones",),
    "ranking.result": ("RankingResult",),
    "reports.ranking_plot": ("plot_ranking",),
    # fine-tuning
    "finetuning.classifier": ("CNNFineTuneClassifier",),
    "workflows.finetune": ("finetune_model",),
    "workflows.finetune_result": ("FineTuneResult",),
    "images.augmentation": ("Augmentation",),
    "reports.evaluation_plot": ("plot_evaluation",),
    "reports.history_plot": ("plot_history",),
    "reports.plots": ("plot_confusion_matrix",),
    # what others read
    "html_report.report_file": ("write_report",),
    # what a run will cost
    "forecast.result": ("ForecastResult",),
    "forecast.extract": ("forecast_extraction",),
    "forecast.fit": ("forecast_fit",),
    "forecast.finetune": ("forecast_finetuning",),
    "forecast.compare": ("forecast_comparison",),
    "forecast.rank": ("forecast_ranking",),
    # images and data sets
    "images.sources": ("ImageSource", "ImageSources", "as_sources", "read_image"),
    "datasets.dataset": ("ImageDataset",),
    "datasets.load": ("load_dataset",),
    "evaluation.nested_subsets": ("nested_subsets",),
    # the store
    "cache": ("EmbeddingCache", "EmbeddingSpec"),
    "remote.push": ("push_cache",),
    "remote.pull": ("pull_cache",),
    "remote.result": ("TransferResult",),
    # errors
    "exceptions": (
        "BackboneError",
        "CacheError",
        "DatasetError",
        "FeatxError",
        "ImageDecodeError",
        "LayerError",
        "MissingDependencyError",
        "ModelFileError",
        "ParameterError",
        "TrainingError",
        "TrainingWarning",
        "WeightsError",
        "WorkerError",
    ),
}
# Classes that are no public names, but parts of public objects: pickles and models name all of them by the package.
_PARTS = {
    "comparison.images_needed": ("ImagesNeeded",),
    "comparison.named_sizes": ("NamedSize",),
    "comparison.part_counts": ("PartCounts",),
    "comparison.result": ("CurveResult",),
    "comparison.size_result": ("SizeResult", "StrategyResult", "Verdict"),
    "comparison.stage_study": ("StageScores", "StageStudy"),
    "comparison.strategy_pairs": ("PairResult",),
    "comparison.strategy_traits": ("StrategyTraits",),
    "comparison.transfer_cases": ("Rule", "TransferCase"),
    "audit.accuracy_cost": ("AccuracyCost",),
    "audit.duplicates": ("DuplicatePair",),
    "audit.label_errors": ("LabelErrors", "Suspect"),
    "audit.odd_images": ("OddImage",),
    "audit.shortcuts": ("Shortcut",),
    "evaluation.baseline": ("Baseline",),
    "evaluation.estimates": ("Estimate",),
    "evaluation.held_out_result": ("HeldOutResult",),
    "evaluation.learning_curves": ("Extrapolation", "PowerLaw"),
    "evaluation.paired": ("PairedTest",),
    "evaluation.power": ("OpenComparison",),
    "evaluation.prediction_table": ("PredictionTable",),
    "forecast.result": ("Part",),
    "heads.adapted_classifier": ("AdaptedClassifier",),
    "heads.nearest_mean": ("NearestMean",),
    "ranking.result": ("RankedCandidate",),
    "ranking.speed": ("NetworkCost",),
    "workflows.judged_predictions": ("JudgedResult",),
}
_PLACES = {name: module for table in (_MODULES, _PARTS) for module, names in table.items() for name in names}

__all__ = [*(name for names in _MODULES.values() for name in names), "__version__"]


def __getattr__(name: str) -> Any:
    """Import the module of a public name when it is first asked for, so that `import featx` stays quick."""
    if name not in _PLACES:
        raise AttributeError(f"module 'featx' has no attribute {name!r}")
    found = getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)
    for kind in found.__mro__ if isinstance(found, type) else ():
        _resolve_annotations(kind)
    return found


def _resolve_annotations(kind: type) -> None:
    """Say in which module the annotations of a class are resolved, which `typing.get_type_hints` asks `__module__`."""
    if kind.__module__ == __name__ and kind.__name__ in _PLACES:
        place, texts = f"{__name__}.{_PLACES[kind.__name__]}", vars(kind).get("__annotations__", {})
        texts.update({key: ForwardRef(text, module=place) for key, text in texts.items() if isinstance(text, str)})


def __dir__() -> list[str]:
    return sorted(__all__)


def _summaries() -> Any:
    """Import what shows results when one is shown."""
    return importlib.import_module(".reports.summaries", __name__)


show_by(_summaries)
