"""Take a fitted model apart into what an ONNX file is made of: the network, the view and the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ..evaluation.thresholds import Decision
from ..exceptions import ModelFileError, ParameterError
from ..extraction.estimator import ImageEstimator
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from ..heads.threshold_classifier import ThresholdClassifier
from ..heads.tuned_head import TunedHead
from ..images.augmentation import resolve_augmentation
from ..model_files.model_parts import class_names
from ..networks.backbone import BackboneSource
from ..networks.pooling import View
from .graph_writer import GraphWriter
from .head_graph import dense_head_probabilities, head_probabilities

__all__ = ["ModelSteps"]


@dataclass(frozen=True)
class ModelSteps:
    """The steps of a fitted model that predicts classes of images.

    Attributes
    ----------
    model : estimator
        Without searches and nested pipelines around it.
    images : CNNFeatureTransformer or CNNFineTuneClassifier
        The part that takes images.
    source : BackboneSource
        With the tensors that fine-tuning changed.
    view : View
    classes : list of str
    """

    model: BaseEstimator
    images: ImageEstimator
    source: BackboneSource
    view: View
    classes: list[str]

    @classmethod
    def of(cls, model: Any) -> ModelSteps:
        """Return the steps of a fitted pipeline or fine-tuned network.

        Raises
        ------
        ModelFileError
            If it is another model, or predicts by augmented copies.
        ParameterError
            If it is no estimator.
        """
        if not isinstance(model, BaseEstimator):
            raise ParameterError(
                f"got a model of type {type(model).__name__}; expected a fitted model, or the path of one",
                "Pass what fit_model(...).model or load_model(path) is.",
            )
        while hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        if isinstance(model, Pipeline):
            model = Pipeline(_flat(model))
        classes = getattr(model, "classes_", None)
        if classes is None or isinstance(classes, list):
            raise ModelFileError("the model is not a fitted classifier of one label", "Fit it first.")
        names = class_names(classes)
        if isinstance(model, CNNFineTuneClassifier):
            if model.test_draws > 1 and resolve_augmentation(model.augmentation) is not None:
                raise ModelFileError(
                    f"the model averages over {model.test_draws} augmented copies of an image, which an ONNX file does "
                    "not make",
                    "Export it with set_params(test_draws=1), which predicts from the image alone.",
                )
            network = model.network()
            return cls(model, model, network.source, network.view, names)
        if isinstance(model, Pipeline) and isinstance(model[0], CNNFeatureTransformer):
            source = model[0].source()
            return cls(model, model[0], source, model[0].view(source), names)
        raise ModelFileError(
            f"a {type(model).__name__} cannot be written as ONNX",
            "Export a pipeline that begins with CNNFeatureTransformer, or a CNNFineTuneClassifier.",
        )

    def write_head(self, graph: GraphWriter, rows: str) -> str:
        """Write what follows the embeddings, and return the probabilities, float32 (n, classes)."""
        if isinstance(self.model, CNNFineTuneClassifier):
            return dense_head_probabilities(graph, rows, self.model.head_)
        return head_probabilities(graph, rows, self.model[1:])

    @property
    def decision(self) -> Decision | None:
        """The rule of a model that predicts by a threshold."""
        last = self.model[-1] if isinstance(self.model, Pipeline) else self.model
        while isinstance(last, TunedHead) or hasattr(last, "best_estimator_"):
            last = last.head_ if isinstance(last, TunedHead) else last.best_estimator_
        return last.decision if isinstance(last, ThresholdClassifier | CNNFineTuneClassifier) else None


def _flat(model: Pipeline) -> list[tuple[str, Any]]:
    (name, first), *others = model.steps
    return [*(_flat(first) if isinstance(first, Pipeline) else [(name, first)]), *others]
