"""A fitted model goes into one .skops file without the weights that are not its own, and comes out elsewhere."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import skops.io
from sklearn.base import BaseEstimator
from skops.io.exceptions import UntrustedTypesFoundException

from ._version import __version__
from .cache.temporary import temporary_beside
from .exceptions import ModelFileError, ParameterError
from .image_estimator import ImageEstimator

__all__ = ["SavedModel", "load_model", "read_model", "save_model"]

FORMAT = 1
log = logging.getLogger("featx")
# Beyond what skops trusts by itself. None of them runs code of the file's when it is made.
TRUSTED = (
    "featx.augmentation.Augmentation",
    "featx.finetune.CNNFineTuneClassifier",
    "featx.strategies.TunedHead",
    "featx.transformer.CNNFeatureTransformer",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
# What belongs to the machine that fitted the model and not to the model.
LOCAL: dict[str, Any] = {
    "cache": "auto",
    "device": "auto",
    "batch_size": "auto",
    "n_jobs": None,
    "verbose": False,
    "prefetch": (),
    "checkpoint": None,
}
MODULE = "module:"


@dataclass(frozen=True)
class SavedModel:
    """What a model file holds.

    Attributes
    ----------
    model : estimator
        Predicts from images.
    classes : list of str
    specs : dict of str to dict
        The embedding spec, the weights' digest included, of each transformer in the model, by parameter name.
    evaluation : dict or None
        The figures that were reported when it was fitted.
    version : str
        Of the featx that wrote it.
    """

    model: BaseEstimator
    classes: list[str]
    specs: dict[str, dict[str, Any]]
    evaluation: dict[str, Any] | None
    version: str


def save_model(model: BaseEstimator, path: str | os.PathLike[str], *, evaluation: dict[str, Any] | None = None) -> None:
    """Write a fitted model to one file.

    The file holds the model, the class names, and the embedding spec with the digest of the weights; never the
    weights, but for those that fine-tuning has changed. Where the cache lies and on which device the network ran is
    not part of it.

    Parameters
    ----------
    model : estimator
        Fitted: a `CNNFineTuneClassifier`, or with a `CNNFeatureTransformer` in it; usually a ``Pipeline``.
    path : str or PathLike
        Usually ends in ``.skops``. Replaced when it exists.
    evaluation : dict, default=None
        Figures to keep beside the model; what JSON can hold.

    Raises
    ------
    ParameterError
        If neither of them is in it, or the network is a module that featx does not understand and no key names.
    ModelFileError
        If the file cannot be written.
    """
    model = copy.deepcopy(model)
    transformers = _transformers(model)
    if not transformers:
        raise ParameterError(
            "the model has no CNNFeatureTransformer or CNNFineTuneClassifier in it",
            "Save it with skops or joblib instead.",
        )
    specs = {}
    for name, transformer in transformers.items():
        source = transformer.source()
        if source.unknown:
            raise ParameterError(
                f"the model's network {source.name} could not be recognised when it is loaded: it holds what featx "
                f"does not understand, {source.unknown[0]}",
                "Name its code, set_params(cache_key='...'), and save again; nothing needs to be fitted anew.",
            )
        transformer.__dict__.pop("_origin", None)
        view = source.view(transformer.layer, transformer.pooling)
        specs[name] = source.spec(view, transformer.arithmetic(source)).to_dict()
        if not isinstance(transformer.backbone, str):
            transformer.backbone = MODULE + source.name
        if isinstance(transformer.weights, str | os.PathLike) and os.path.exists(transformer.weights):
            transformer.weights = os.path.abspath(transformer.weights)
        _forget_machine(transformer)
        if hasattr(transformer, "failures_"):
            del transformer.failures_
    meta = {
        "format": FORMAT,
        "version": __version__,
        "classes": [str(name) for name in getattr(model, "classes_", [])],
        "specs": specs,
        "evaluation": evaluation,
    }
    target = Path(path)
    temporary = temporary_beside(target)
    try:
        temporary.write_bytes(skops.io.dumps({"featx": json.dumps(meta), "model": model}))
        os.replace(temporary, target)
    except OSError as error:
        raise ModelFileError(f"cannot write {target}: {error.strerror or error}", "Choose another place.") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_model(path: str | os.PathLike[str], *, backbone: Any = None) -> BaseEstimator:
    """Return the model in a file, ready to predict from images.

    Nothing in the file is run. The weights must be the ones that the model was fitted with.

    Parameters
    ----------
    path : str or PathLike
    backbone : nn.Module, default=None
        For a model that was fitted with a module of your own.

    Returns
    -------
    estimator

    Raises
    ------
    ModelFileError
        If the file is no featx model, holds types that are not trusted, or the embeddings would differ today.
    WeightsError
        If the weights are not here and cannot be fetched.
    """
    return read_model(path, backbone=backbone).model


def read_model(path: str | os.PathLike[str], *, backbone: Any = None) -> SavedModel:
    """Return the model in a file with what is known of it; otherwise as `load_model`."""
    name = os.fspath(path)
    content = _read(name)
    try:
        meta, model = json.loads(content["featx"]), content["model"]
        if meta["format"] != FORMAT:
            raise ModelFileError(
                f"{name} has format {meta['format']}; this featx reads {FORMAT}",
                f"Install the featx that wrote it, {meta['version']}.",
            )
        saved = SavedModel(model, meta["classes"], meta["specs"], meta["evaluation"], meta["version"])
        transformers = _transformers(model)
        pairs = [(transformers[key], spec) for key, spec in saved.specs.items()]
        if not pairs or not all(isinstance(spec["weights_digest"], str) for _, spec in pairs):
            raise ValueError("no embedding spec")
        for transformer in transformers.values():  # a file must not choose where this machine writes
            _forget_machine(transformer)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{name} is no featx model", "Pass a file that `featx fit` wrote.") from error
    for transformer, spec in pairs:
        _restore_backbone(name, transformer, backbone)
        _check_spec(name, transformer, spec)
    return saved


def _read(name: str) -> Any:
    try:
        return skops.io.load(name, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise ModelFileError(
            f"{name} holds types that featx does not trust, and is refused: {str(error).rstrip('.')}",
            "Load it with skops.io after looking at what it holds.",
        ) from error
    except OSError as error:
        raise ModelFileError(f"cannot read {name}: {error.strerror or error}", "Check the path.") from error
    except Exception as error:  # zipfile and skops raise whatever the damaged bytes lead them to
        raise ModelFileError(
            f"{name} is no featx model, or it is damaged", "Pass a file that `featx fit` wrote."
        ) from error


def _forget_machine(transformer: ImageEstimator) -> None:
    """Set what belongs to a machine to its default."""
    known = transformer.get_params(deep=False)
    # The batch size of a training is no matter of the machine.
    local = {name: value for name, value in LOCAL.items() if name in known}
    if "checkpoint" in known:
        del local["batch_size"]
    transformer.set_params(**local)


def _restore_backbone(name: str, transformer: ImageEstimator, backbone: Any) -> None:
    if not (isinstance(transformer.backbone, str) and transformer.backbone.startswith(MODULE)):
        return
    if backbone is None:
        kind = transformer.backbone.removeprefix(MODULE)
        raise ModelFileError(
            f"{name} was fitted with a module of yours, {kind}", "Pass it: load_model(path, backbone=...)."
        )
    transformer.backbone = backbone


def _check_spec(name: str, transformer: ImageEstimator, then: dict[str, Any]) -> None:
    source = transformer.source()
    view = source.view(transformer.layer, transformer.pooling)
    now = source.spec(view, transformer.arithmetic(source)).to_dict()
    if now["weights_digest"] != then["weights_digest"]:
        raise ModelFileError(
            f"{name} was fitted on embeddings of other weights of {source.name} than are here: "
            f"{then['weights_digest'][:40]} then, {now['weights_digest'][:40]} now",
            "Bring back those weights, or fit again.",
        )
    if now["precision"] != then.get("precision"):
        full = [str(then.get("precision")), now["precision"]]
        short = [text.partition(";")[0] for text in full]
        log.warning(
            "%s was fitted on embeddings computed in %s and predicts in %s here; to change that, set its precision",
            name or "the model",
            *(short if short[0] != short[1] else full),
        )
    if differing := [key for key in now if now[key] != then.get(key) and key != "precision"]:
        raise ModelFileError(
            f"{name} was fitted on other embeddings than are made here: "
            + "; ".join(f"{key} was {then.get(key)!r} and is {now[key]!r}" for key in differing),
            "Use the library versions that it was fitted with, or fit again.",
        )


def _transformers(model: BaseEstimator) -> dict[str, ImageEstimator]:
    """Return what names a network in a model, by parameter or attribute; the model itself has the empty name."""
    parts = {"": model, **model.get_params(deep=True)}
    found = {name: part for name, part in parts.items() if isinstance(part, ImageEstimator)}
    seen = {id(part) for part in found.values()}

    # ColumnTransformer and the searches keep fitted copies that are not among their parameters.
    def walk(name: str, part: Any) -> None:
        if id(part) in seen:
            return
        if isinstance(part, ImageEstimator):
            found[name] = part
        elif isinstance(part, BaseEstimator | Mapping | list | tuple):
            children = vars(part) if isinstance(part, BaseEstimator) else part
            for key, child in children.items() if isinstance(children, Mapping) else enumerate(children):
                walk(f"{name}.{key}", child)
        if isinstance(part, BaseEstimator):
            seen.add(id(part))

    walk("", model)
    return found
