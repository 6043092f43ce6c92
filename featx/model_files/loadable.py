"""Dump a model with skops and load it once as a check; an error names the step that cannot be loaded."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator

from ..exceptions import ModelFileError
from .compiled_parts import check_compiled
from .light_skops import UntrustedTypesFoundException, skops_io
from .model_parts import difference
from .named_heads import check_named_heads
from .shadowed_methods import check_attributes
from .trusted_types import Trusted, UntrustedTypesError, is_local, trusted_types, untrusted_names

__all__ = ["copy_model", "dump_loadable", "types_to_trust"]


def copy_model(model: BaseEstimator) -> BaseEstimator:
    """Return a copy of a model that may be changed.

    Raises
    ------
    ModelFileError
        If a step of it cannot be copied.
    """
    try:
        return copy.deepcopy(model)
    except Exception as error:  # whatever an object in it raises
        step, inner = _failing_step(model, _copy_problem, _uncopied(error))
        raise ModelFileError(f"{step} cannot be copied: {inner.message}", inner.next_step) from error


def dump_loadable(model: BaseEstimator, meta: str, *, trusted: Trusted = ()) -> bytes:
    """Return the content of a model file, after loading it once and comparing the models.

    Raises
    ------
    ModelFileError
        If it cannot be loaded, or the loaded model differs.
    """
    content = {"featx": meta, "model": model}
    problem = _problem(content, trusted)
    if isinstance(problem, bytes):
        return problem
    step, inner = _failing_step(model, lambda part: _problem(part, trusted), problem)
    best = getattr(model, "best_estimator_", None)
    if best is not None and isinstance(_problem(best, trusted), bytes):
        advice = "Save its best_estimator_, which can be loaded."
    else:
        advice = inner.next_step
    raise ModelFileError(f"{step} could not be loaded again: {inner.message}", advice)


def types_to_trust(model: BaseEstimator) -> list[str]:
    """Return the types of modules in a model that featx does not trust by itself, which loading it needs.

    Those that exist in this process only are left out: nothing can load them. So are all if skops cannot write it.
    """
    try:
        data = skops_io.dumps(model)
        unknown = set(skops_io.get_untrusted_types(data=data)) - set(trusted_types())
    except Exception:  # skops raises whatever an object's own methods lead it to
        return []
    return sorted(name for name in unknown if not is_local(name))


def _problem(content: Any, trusted: Trusted) -> bytes | ModelFileError:
    """Return the bytes, or the error that explains why they cannot be loaded again."""
    try:
        data = skops_io.dumps(content)
    except Exception as error:  # skops raises whatever an object's own methods lead it to
        return ModelFileError(f"skops cannot write it: {str(error).rstrip('.')}", "Choose another step.")
    try:
        loaded = skops_io.loads(data, trusted=trusted_types(trusted))
        check_attributes(loaded)
        check_compiled(loaded)
        check_named_heads("the model", loaded, trusted)
    except (UntrustedTypesFoundException, UntrustedTypesError) as error:
        names = error.names if isinstance(error, UntrustedTypesError) else untrusted_names(error)
        if any(map(is_local, names)):
            next_step = "Write it as a function or class in a module that can be imported, or choose another step."
        else:
            next_step = f"Choose another step or, if they are yours, pass trusted={names} to save_model and load_model."
        return ModelFileError(f"featx does not trust {', '.join(names)}, which it holds", next_step)
    except Exception as error:
        return ModelFileError(f"{type(error).__name__}: {str(error).rstrip('.')}", "Choose another step.")
    if where := difference(content, loaded):
        return ModelFileError(f"its {where.removeprefix('model.')} would come back changed", "Choose another value.")
    return data


def _copy_problem(part: Any) -> ModelFileError | None:
    try:
        copy.deepcopy(part)
    except Exception as error:
        return _uncopied(error)
    return None


def _uncopied(error: Exception) -> ModelFileError:
    return ModelFileError(str(error).rstrip("."), "Leave out what cannot be copied, such as an open file.")


def _failing_step(
    model: BaseEstimator, problem_of: Callable[[Any], Any], problem: ModelFileError
) -> tuple[str, ModelFileError]:
    """Return the innermost step with a problem, described, and its problem."""
    steps = {name: part for name, part in model.get_params(deep=True).items() if isinstance(part, BaseEstimator)}
    for name, part in sorted(steps.items(), key=lambda item: -item[0].count("__")):
        found = problem_of(part)
        if isinstance(found, ModelFileError):
            return f"the step {name!r}, {type(part).__name__},", found
    return f"the model, {type(model).__name__},", problem
