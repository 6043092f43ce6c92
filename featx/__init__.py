"""Image classification by transfer learning: every embedding computed once, every head tuned for free."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .augmentation import Augmentation
    from .backbones import Backbone
    from .cache import EmbeddingCache, EmbeddingSpec
    from .comparison import compare_strategies
    from .comparison_forecast import forecast_comparison
    from .comparison_plot import plot_comparison
    from .comparison_result import ComparisonResult
    from .datasets import ImageDataset, load_dataset
    from .evaluation import evaluate_heads
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
    from .extraction import Extraction, Failure, extract_embeddings
    from .extraction_forecast import forecast_extraction
    from .finetune import CNNFineTuneClassifier
    from .finetune_outcome import FineTuneOutcome, finetune_model
    from .fit_forecast import forecast_fit
    from .fitting import FitOutcome, fit_model
    from .forecast import Forecast
    from .head_names import HEADS
    from .images import as_sources, read_image
    from .networks import list_backbones, resolve_backbone
    from .persistence import load_model, save_model
    from .plots import plot_confusion_matrix, plot_history
    from .prediction import Prediction, predict_images
    from .results import CandidateResult, EvaluationResult
    from .strategies import make_strategy
    from .training_forecast import forecast_finetuning
    from .transformer import CNNFeatureTransformer
    from .tuned_head import TunedHead, make_head

_MODULES = {
    # features
    "transformer": ("CNNFeatureTransformer",),
    "extraction": ("Extraction", "Failure", "extract_embeddings"),
    "networks": ("list_backbones", "resolve_backbone"),
    "backbones": ("Backbone",),
    # heads, figures and models
    "head_names": ("HEADS",),
    "tuned_head": ("TunedHead", "make_head"),
    "evaluation": ("evaluate_heads",),
    "results": ("CandidateResult", "EvaluationResult"),
    "fitting": ("FitOutcome", "fit_model"),
    "persistence": ("load_model", "save_model"),
    "prediction": ("Prediction", "predict_images"),
    # comparing
    "comparison": ("compare_strategies",),
    "comparison_result": ("ComparisonResult",),
    "strategies": ("make_strategy",),
    "comparison_plot": ("plot_comparison",),
    # fine-tuning
    "finetune": ("CNNFineTuneClassifier",),
    "finetune_outcome": ("FineTuneOutcome", "finetune_model"),
    "augmentation": ("Augmentation",),
    "plots": ("plot_confusion_matrix", "plot_history"),
    # what a run will cost
    "forecast": ("Forecast",),
    "extraction_forecast": ("forecast_extraction",),
    "fit_forecast": ("forecast_fit",),
    "training_forecast": ("forecast_finetuning",),
    "comparison_forecast": ("forecast_comparison",),
    # images and data sets
    "images": ("as_sources", "read_image"),
    "datasets": ("ImageDataset", "load_dataset"),
    # the store
    "cache": ("EmbeddingCache", "EmbeddingSpec"),
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
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*_PLACES, "__version__"]


def __getattr__(name: str) -> Any:
    """Import the module of a public name when it is first asked for, so that `import featx` stays quick."""
    if name not in _PLACES:
        raise AttributeError(f"module 'featx' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
