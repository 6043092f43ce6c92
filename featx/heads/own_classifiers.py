"""A classifier of scikit-learn or of your own as a head: imported by "package.module:Class", checked and copied.

What is named is imported, which runs its module. So the name of a head is the user's own command, and no file's.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator, clone, is_classifier, is_clusterer, is_outlier_detector, is_regressor

from ..constraints import shown
from ..exceptions import FeatxError, ParameterError, nearest
from .head_labels import EXAMPLE, head_label, is_named

__all__ = ["describe_head", "failure_text", "named_failures", "own_classifier"]

KINDS = ((is_regressor, "a regressor"), (is_clusterer, "a clusterer"), (is_outlier_detector, "an outlier detector"))
LONGEST_REASON = 300


def own_classifier(head: Any) -> BaseEstimator:
    """Return a new classifier that is not fitted: of the class that a name says, or a copy of an estimator.

    Parameters
    ----------
    head : str or estimator
        "package.module:Class", or "package.module:name" of an estimator that a module holds, which is copied.

    Raises
    ------
    ParameterError
        If it cannot be imported, is no classifier, or cannot be made without arguments or copied.
    """
    found = _imported(head) if isinstance(head, str) else head
    name = head_label(head)
    if isinstance(found, type):
        found = _made(found, head)
    elif not isinstance(head, str) or hasattr(found, "get_params"):
        pass
    elif callable(found):
        raise ParameterError(
            f"got the head {head}, which is a function", f"Name a class, such as {EXAMPLE}, or an estimator."
        )
    else:
        raise ParameterError(f"got the head {head}, which is {shown(found)}", f"Name a class, such as {EXAMPLE}.")
    _check_classifier(found, name)
    try:
        return clone(found)
    except Exception as error:  # whatever its own methods raise
        raise ParameterError(
            f"the head {name} cannot be copied: {failure_text(error)}",
            "Its __init__ must take its parameters by name and only assign them, as scikit-learn's do.",
        ) from error


@contextlib.contextmanager
def named_failures(name: str) -> Iterator[None]:
    """Raise what a classifier raises as a ParameterError that names the head."""
    try:
        yield
    except (FeatxError, MemoryError):
        raise
    except Exception as error:  # whatever a classifier raises
        raise ParameterError(f"the head {name} fails: {failure_text(error)}", "Choose another head or grid.") from error


def describe_head(head: Any) -> list[str]:
    """Return texts that identify what a head computes beyond its parameters: nothing for a named one.

    Of a classifier of your own these are its class, what it is made with, and the digest of the file with its code, so
    that a result of other code is not taken for one of this.
    """
    if is_named(head):
        return []
    classifier = own_classifier(head)
    texts = [f"head={' '.join(repr(classifier).split())}"]
    kinds = {type(part) for part in (classifier, *classifier.get_params().values()) if hasattr(part, "get_params")}
    for kind in sorted(kinds - {type}, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}"):
        text = f"code={kind.__module__}.{kind.__qualname__}"
        with contextlib.suppress(OSError, TypeError):  # it has no file
            file = inspect.getsourcefile(kind)
            text += f" {hashlib.sha256(Path(file).read_bytes()).hexdigest()}" if file else ""
        texts.append(text)
    return texts


def failure_text(error: BaseException) -> str:
    """Return what an error of foreign code says in one line: its type, its message, and where it was raised."""
    message = " ".join(str(error).split()).rstrip(".")
    if len(message) > LONGEST_REASON:
        message = f"{message[:LONGEST_REASON]}..."
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if isinstance(error, SyntaxError):  # whose message has the place
        return text
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_installed(frame.filename)]
    return f"{text} ({os.path.basename(own[-1].filename)}, line {own[-1].lineno})" if own else text


def _is_installed(path: str) -> bool:
    """Tell whether a file belongs to an installed package, to Python or to featx, and not to the user."""
    folders = (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__), sys.prefix, sys.base_prefix)
    return (
        path.startswith("<") or "site-packages" in path or any(path.startswith(folder + os.sep) for folder in folders)
    )


def _imported(name: str) -> Any:
    place, _, attribute = name.partition(":")
    if not (place and attribute) or not all(part.isidentifier() for part in [*place.split("."), *attribute.split(".")]):
        raise ParameterError(f"got the head {name!r}; expected package.module:Class", f"Such as {EXAMPLE}.")
    found = _module(place, name)
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except Exception as error:  # of a module that loads its names when they are asked for
            if not isinstance(error, AttributeError):
                raise ParameterError(f"cannot import the head {name}: {failure_text(error)}") from error
            known = [one for one in dir(found) if not one.startswith("_")]
            hint = nearest(part, known) or "Check the name of the class."
            raise ParameterError(f"cannot import the head {name}: {place} has no {part}", hint) from error
    return found


def _module(place: str, name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever a module raises when it runs
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "")
        # The module itself, or a package that it is in; not one that it imports.
        if missing and f"{place}.".startswith(f"{missing}."):
            raise ParameterError(f"cannot import the head {name}: there is no module {missing}",
                                 _where_modules_are(missing)) from error  # fmt: skip
        raise ParameterError(
            f"cannot import the head {name}: {failure_text(error)}",
            f"`python -c 'import {place}'` shows more.",
        ) from error


def _where_modules_are(missing: str) -> str:
    top = missing.partition(".")[0]
    if os.path.exists(f"{top}.py") or os.path.isdir(top):
        return "It is in this folder, where Python does not look: put PYTHONPATH=. before the command."
    return "Install it, or put PYTHONPATH=FOLDER before the command, with the folder that it is in."


def _made(kind: type, head: Any) -> BaseEstimator:
    if not (hasattr(kind, "fit") and hasattr(kind, "get_params")):
        raise ParameterError(
            f"got the head {head}, which is no classifier of scikit-learn: it has no "
            f"{'fit' if not hasattr(kind, 'fit') else 'get_params'}",
            "Derive the class from ClassifierMixin and BaseEstimator, in this order.",
        )
    try:
        return kind()
    except Exception as error:
        raise ParameterError(
            f"the head {head} cannot be made without arguments: {failure_text(error)}",
            f"Write an estimator in a module of yours, classifier = {kind.__name__}(...), and name it: "
            "my_module:classifier.",
        ) from error


def _check_classifier(found: Any, name: str) -> None:
    lacking = [method for method in ("fit", "predict", "get_params", "set_params") if not hasattr(found, method)]
    if lacking:
        raise ParameterError(f"the head {name} is no classifier of scikit-learn: it has no {lacking[0]}",
                             "Derive the class from ClassifierMixin and BaseEstimator, in this order.")  # fmt: skip
    try:
        if is_classifier(found):
            return
        kind = next((kind for is_kind, kind in KINDS if is_kind(found)), "not marked as one")
    except Exception:  # without the tags of scikit-learn
        kind = "not marked as one"
    raise ParameterError(
        f"the head {name} is no classifier of scikit-learn: it is {kind}",
        "Derive the class from ClassifierMixin and BaseEstimator, in this order." if kind.startswith("not") else
        f"Name a classifier, such as {EXAMPLE}.",
    )  # fmt: skip
