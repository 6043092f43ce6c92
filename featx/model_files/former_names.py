"""Translate what model files of earlier versions say otherwise: classes, parameters, their values, the precision."""

from __future__ import annotations

import contextlib
import inspect
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any, get_args

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection._search import BaseSearchCV

from ..choices import ResolvedPrecision
from ..extraction.estimator import ImageEstimator
from ..networks.device import resolve_precision
from .model_parts import parts
from .model_schema import entries

__all__ = ["keep_decided_precision", "use_current_parameters", "with_current_names"]

# Modules and classes as files of earlier versions name them; files name the classes of featx without modules today.
FORMER_CLASSES = frozenset(
    [
        ("featx.augmentation", "Augmentation"),
        ("featx.finetune", "CNNFineTuneClassifier"),
        ("featx.strategies", "TunedHead"),
        ("featx.transformer", "CNNFeatureTransformer"),
        ("featx.tuned_head", "TunedHead"),
    ]
)
# Parameters of the image estimators.
FORMER_PARAMETERS = {"augment_views": "augment_draws", "test_views": "test_draws"}
# Those that are gone; for `boundary_cache`, `boundary_cache_bytes` has values: see `_most_bytes`.
GONE_PARAMETERS = ("boundary_cache", "boundary_dtype")
# Values of their parameters: (parameter, former value) -> value.
FORMER_VALUES = {("on_error", "nan"): "skip"}
# Attributes of a search that name parameters of what it searches.
NAMING = ("param_grid", "param_distributions", "best_params_", "cv_results_")
# Up to this many bytes, a copy of a file is kept in memory.
MAX_IN_MEMORY = 2**26


@contextlib.contextmanager
def with_current_names(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Return a model file itself or, if it names classes as earlier versions did, a copy with current names.

    Parameters
    ----------
    file : binary file
        Nothing in it is loaded, and only its schema is unpacked.
    """
    with zipfile.ZipFile(file) as archive:
        text = archive.read("schema.json")
    schema = json.loads(text) if b'"featx.' in text else {}
    former = [entry for entry in entries(schema) if _class_of(entry) in FORMER_CLASSES]
    file.seek(0)
    if not former:
        yield file
        return
    for entry in former:
        entry["__module__"] = "featx"
    with tempfile.SpooledTemporaryFile(max_size=MAX_IN_MEMORY) as copy:
        shutil.copyfileobj(file, copy)
        with zipfile.ZipFile(copy, "a") as archive:
            # Of two entries with one name the last counts; the first is removed, or zipfile would warn.
            archive.filelist.remove(archive.NameToInfo.pop("schema.json"))
            archive.writestr("schema.json", json.dumps(schema))
        copy.seek(0)
        yield copy


def use_current_parameters(model: Any) -> None:
    """Rename parameters and their values in a loaded model and in searches over it, and add parameters that are new.

    Parameters
    ----------
    model : object
        Changed in place.
    """
    held = [part for _, part in parts(model)]
    for part in held:
        if isinstance(part, ImageEstimator):
            _translate(part.__dict__, {"": part})
        if isinstance(part, ImageEstimator) or (isinstance(part, BaseEstimator) and type(part).__module__ == "featx"):
            _add_new_parameters(part)
    for part in held:
        if isinstance(part, BaseSearchCV):
            steps = {"": part.estimator, **part.estimator.get_params()}
            named = [vars(part)[name] for name in NAMING if name in vars(part)]
            for _, mapping in list(parts(named)):
                if isinstance(mapping, dict):
                    _translate(mapping, steps)


def keep_decided_precision(estimator: ImageEstimator, spec: dict[str, Any]) -> None:
    """Give a fitted estimator `precision_`, which files of earlier versions say in its embedding spec alone."""
    decided = str(spec.get("precision")).partition(";")[0]
    is_fitted = any(name.endswith("_") and not name.startswith("_") for name in vars(estimator))
    if is_fitted and not hasattr(estimator, "precision_") and decided in get_args(ResolvedPrecision):
        estimator.precision_ = resolve_precision(decided)


def _translate(mapping: dict[Any, Any], steps: dict[str, Any]) -> None:
    """Rename parameters of the steps that are image estimators, "step__name" or "param_step__name", in their order."""
    current, uncached = {}, {}
    for key, value in mapping.items():
        whole = key if isinstance(key, str) else ""
        prefix = "param_" if whole.startswith("param_") else ""
        step, separator, name = whole.removeprefix(prefix).rpartition("__")
        if name and isinstance(steps.get(step), ImageEstimator):
            if name in GONE_PARAMETERS:
                if name == "boundary_cache" and (most := _most_bytes(value, steps[step])) is not None:
                    uncached[f"{prefix}{step}{separator}boundary_cache_bytes"] = most
                continue
            key = f"{prefix}{step}{separator}{FORMER_PARAMETERS.get(name, name)}"
            value = _current(name, value)
        current[key] = value
    mapping.clear()
    mapping.update(current | uncached)


def _add_new_parameters(estimator: BaseEstimator) -> None:
    """Give parameters that an earlier version did not have their defaults, with which all is as it was then."""
    for name, parameter in inspect.signature(type(estimator)).parameters.items():
        if name not in vars(estimator) and parameter.default is not inspect.Parameter.empty:
            setattr(estimator, name, parameter.default)


def _current(name: str, value: Any) -> Any:
    """Return the value of a parameter, or several in a list, tuple, set or array, with former ones replaced."""
    for (parameter, former), today in FORMER_VALUES.items():
        if parameter != name:
            continue
        if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
            value = value.astype(object)
            value[np.ma.getdata(value) == former] = today
        elif isinstance(value, list | tuple | set):
            value = type(value)(today if isinstance(item, str) and item == former else item for item in value)
        elif isinstance(value, str) and value == former:
            value = today
    return value


def _most_bytes(cached: Any, estimator: ImageEstimator) -> Any:
    """Return the `boundary_cache_bytes` of a `boundary_cache`, or of several in a list; None where it was the default.

    A training that cached nothing then does so today with 0.
    """
    if isinstance(cached, list | tuple):
        default = inspect.signature(type(estimator)).parameters["boundary_cache_bytes"].default
        return [default if each else 0 for each in cached]
    return 0 if isinstance(cached, bool | int | np.bool_) and not cached else None


def _class_of(entry: dict[str, Any]) -> tuple[str, str] | None:
    """Return the module and the class that an entry names, if it does."""
    module, kind = entry.get("__module__"), entry.get("__class__")
    return (module, kind) if isinstance(module, str) and isinstance(kind, str) else None
