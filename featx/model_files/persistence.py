"""Save and load models as one .skops file; a file that holds a type that is not trusted is refused."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator

from .._version import __version__
from ..cache.files import replaced
from ..constraints import NETWORK, OBJECT, check_values
from ..exceptions import ModelFileError, ParameterError
from ..extraction.estimator import ImageEstimator
from ..networks.backbone import BackboneSource
from ..networks.weights import is_file_name
from .compiled_parts import check_compiled
from .former_names import keep_decided_precision, use_current_parameters, with_current_names
from .light_skops import UntrustedTypesFoundException, skops_io
from .loadable import copy_model, dump_loadable
from .local_settings import reset_local_settings
from .model_parts import class_names, image_estimators
from .model_schema import check_model_file, check_references, unreadable_model
from .moved_weights import Files, find_weights
from .named_heads import check_named_heads
from .shadowed_methods import check_attributes
from .trusted_types import Trusted, UntrustedTypesError, check_importable, trusted_types, untrusted_names

__all__ = ["SavedModel", "load_model", "read_model", "save_model"]

MODEL_FORMAT = 1
log = logging.getLogger("featx")
MODULE_PREFIX = "module:"


@dataclass(frozen=True)
class SavedModel:
    """What a model file holds.

    Attributes
    ----------
    model : estimator
        Predicts from images.
    classes : list of str
    specs : dict of str to dict
        The embedding spec, including the digest of the weights, of each transformer in the model, by parameter name.
    evaluation : dict or None
        The figures that were reported when the model was fitted.
    version : str
        Of the featx that wrote it.
    """

    model: BaseEstimator
    classes: list[str]
    specs: dict[str, dict[str, Any]]
    evaluation: dict[str, Any] | None
    version: str


def save_model(
    model: BaseEstimator,
    path: str | os.PathLike[str],
    *,
    evaluation: dict[str, Any] | None = None,
    trusted: Trusted = (),
) -> None:
    """Write a fitted model to one file, which is loaded once as a check before it replaces an older one.

    The file holds the model, the class names, and the embedding spec with the digest of the weights, but no weights
    other than those that fine-tuning has changed. The folder of the cache, the device and the `memory` of pipelines
    are not part of it.

    Parameters
    ----------
    model : estimator
        Fitted: a `CNNFineTuneClassifier`, or with a `CNNFeatureTransformer` in it; usually a ``Pipeline``.
    path : str or PathLike
        Usually ends in ``.skops``. Replaced when it exists.
    evaluation : dict, default=None
        Figures to save with the model, as JSON can hold them.
    trusted : sequence of str or type, default=()
        Your own types and functions, which `load_model` must be told to trust too. They must be defined in a module
        that can be imported there.

    Raises
    ------
    ParameterError
        If the model contains neither of them, its network is a module that featx does not understand and that has no
        `cache_key`, or a trusted name cannot be imported.
    ModelFileError
        If the file could not be loaded again (the message names the step) or cannot be written. An older file stays.
    """
    target = _name(path)
    check_values(locals(), evaluation=OBJECT)
    check_importable(trusted)
    if not isinstance(model, BaseEstimator) or not image_estimators(model):
        raise ParameterError(
            "the model has no CNNFeatureTransformer or CNNFineTuneClassifier in it",
            "Save it with skops or joblib instead.",
        )
    model = copy_model(model)
    transformers = image_estimators(model)
    meta = {
        "format": MODEL_FORMAT,
        "version": __version__,
        "classes": class_names(getattr(model, "classes_", [])),
        "specs": {name: _take_spec(transformer) for name, transformer in transformers.items()},
        "evaluation": evaluation,
    }
    try:
        text = json.dumps(meta)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"got an evaluation that JSON cannot hold: {error}", "Pass plain numbers and text."
        ) from error
    reset_local_settings(model)
    data = dump_loadable(model, text, trusted=trusted)
    try:
        with replaced(target) as temporary:
            temporary.write_bytes(data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(
            f"cannot write {target}: {reason}", "Choose another place, and a name that ends in .skops."
        ) from error


def load_model(
    path: str | os.PathLike[str],
    *,
    backbone: Any = None,
    weights: Files | None = None,
    trusted: Trusted = (),
) -> BaseEstimator:
    """Return the model in a file, ready to predict from images.

    No code in the file is run. The weights must be the ones that the model was fitted with.

    Parameters
    ----------
    path : str or PathLike
    backbone : nn.Module, default=None
        For a model that was fitted with a module of your own.
    weights : str, PathLike or sequence of these, default=None
        The file of weights that the model was fitted with, or several of them, where they are now. Without it the file
        is looked for where it was, then next to the model. It may have another name, but must have the same content.
    trusted : sequence of str or type, default=()
        Types and functions in the file to trust in addition to those of featx and scikit-learn, such as "mine.Scaler".
        They are imported and called: review them first.

    Returns
    -------
    estimator

    Raises
    ------
    ModelFileError
        If the file is not a featx model, holds types that are not trusted, or the embeddings would differ today.
    WeightsError
        If the weights are not here and cannot be fetched.
    """
    return read_model(path, backbone=backbone, weights=weights, trusted=trusted).model


def read_model(
    path: str | os.PathLike[str],
    *,
    backbone: Any = None,
    weights: Files | None = None,
    trusted: Trusted = (),
) -> SavedModel:
    """Return the model in a file with what was saved about it; otherwise as `load_model`."""
    check_values(locals(), backbone=NETWORK)
    name = _name(path)
    content = _read(name, trusted)
    check_named_heads(name, content, trusted)
    try:
        meta, model = json.loads(content["featx"]), content["model"]
        if meta["format"] != MODEL_FORMAT:
            raise ModelFileError(
                f"{name} has format {meta['format']}; this featx reads {MODEL_FORMAT}",
                f"Install the featx that wrote it, {meta['version']}.",
            )
        saved = SavedModel(model, meta["classes"], meta["specs"], meta["evaluation"], meta["version"])
        transformers = image_estimators(model)
        pairs = [(transformers[key], spec) for key, spec in saved.specs.items()]
        if not pairs or not all(isinstance(spec["weights_digest"], str) for _, spec in pairs):
            raise ValueError("no embedding spec")
        reset_local_settings(model)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{name} is not a featx model", "Pass a file that `featx fit` or `featx finetune` wrote."
        ) from error
    for transformer, _ in pairs:
        _restore_backbone(name, transformer, backbone)
    find_weights(name, pairs, weights)
    for transformer, spec in pairs:
        _check_spec(name, transformer, spec)
    return saved


def _name(path: Any) -> str:
    if not isinstance(path, str | bytes | os.PathLike):
        raise ParameterError(
            f"got path={path!r:.80}; expected the path of a file", "Write what is in memory to a file first."
        )
    return os.fsdecode(path)


def _read(name: str, trusted: Trusted) -> Any:
    known = trusted_types(trusted)
    check_model_file(name)
    try:
        with open(name, "rb") as written, with_current_names(written) as file:
            check_references(file)
            content = skops_io.load(file, trusted=known)
        check_attributes(content)
        check_compiled(content)
        use_current_parameters(content)
        return content
    except UntrustedTypesFoundException as error:
        raise UntrustedTypesError(name, untrusted_names(error), trusted) from error
    except OSError as error:
        raise unreadable_model(name, error) from error
    except ImportError as error:
        raise ModelFileError(
            f"{name} is not a featx model, or holds what cannot be imported here: {error}",
            "Install what it was written with, or put PYTHONPATH=FOLDER before the command if it is a module of yours.",
        ) from error
    except AttributeError as error:
        raise ModelFileError(
            f"{name} is not a featx model, or holds what cannot be imported here: {error}",
            "Pass a file that `featx fit` or `featx finetune` wrote, and install what it was written with.",
        ) from error
    except Exception as error:  # zipfile and skops raise whatever the damaged bytes lead them to
        raise ModelFileError(
            f"{name} is not a featx model, or it is damaged", "Pass a file that `featx fit` or `featx finetune` wrote."
        ) from error


def _take_spec(transformer: ImageEstimator) -> dict[str, Any]:
    """Return the embedding spec of a transformer, and make it name its network and weights for another machine."""
    source = transformer.source()
    if source.unknown:
        raise ParameterError(
            f"the model's network {source.name} could not be recognised when it is loaded: it holds what featx "
            f"does not understand, {source.unknown[0]}",
            "Name its code, set_params(cache_key='...'), and save again; nothing needs to be fitted anew.",
        )
    transformer.__dict__.pop("_origin", None)
    spec = _spec(transformer, source)
    if not isinstance(transformer.backbone, str):
        transformer.backbone = MODULE_PREFIX + source.name
    if is_file_name(transformer.weights) and os.path.exists(transformer.weights):
        transformer.weights = os.path.abspath(transformer.weights)
    if hasattr(transformer, "failures_"):
        del transformer.failures_
    return spec


def _spec(estimator: ImageEstimator, source: BackboneSource) -> dict[str, Any]:
    """Return the embedding spec of an estimator; the precision "auto" of one that is not fitted is decided in fit."""
    precision = "auto" if _is_undecided(estimator) else estimator.arithmetic(source)
    return source.spec(estimator.view(source), precision).to_dict()


def _is_undecided(estimator: ImageEstimator) -> bool:
    return estimator.precision == "auto" and not hasattr(estimator, "precision_")


def _restore_backbone(name: str, transformer: ImageEstimator, backbone: Any) -> None:
    if not (isinstance(transformer.backbone, str) and transformer.backbone.startswith(MODULE_PREFIX)):
        return
    if backbone is None:
        kind = transformer.backbone.removeprefix(MODULE_PREFIX)
        raise ModelFileError(
            f"{name} was fitted with a module of yours, {kind}", "Pass it: load_model(path, backbone=...)."
        )
    transformer.backbone = backbone


def _check_spec(name: str, transformer: ImageEstimator, then: dict[str, Any]) -> None:
    keep_decided_precision(transformer, then)
    source = transformer.source()
    now = _spec(transformer, source)
    if now["weights_digest"] != then["weights_digest"]:
        raise ModelFileError(
            f"{name} was fitted on embeddings of other weights of {source.name} than are here: "
            f"{then['weights_digest'][:40]} then, {now['weights_digest'][:40]} now",
            "Bring back those weights, or fit again.",
        )
    if now["precision"] != then.get("precision") and not _is_undecided(transformer):
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
            # Preprocessing goes by the name of a published file.
            "Give the file of weights the name that it had, or fit again."
            if is_file_name(transformer.weights) and now["preprocessing"] != then.get("preprocessing")
            else "Use the library versions that it was fitted with, or fit again.",
        )
