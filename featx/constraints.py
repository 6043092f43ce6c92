"""Parameter validation: one table of what each parameter accepts, and the ParameterError for anything else.

A parameter means the same in every function and estimator, so one table holds for all of them.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np

from .choices import OnError, Precision, Resize, Scoring
from .exceptions import ParameterError, nearest

__all__ = ["Constraint", "a", "check_values", "integer", "one_of", "plain", "shown"]

# A message shows at most so many characters of a value.
MOST_SHOWN = 200


@dataclass(frozen=True)
class Constraint:
    """What a parameter accepts.

    Attributes
    ----------
    expected : str
        In words, to follow "expected".
    accepts : callable
        Takes a value, returns whether it is accepted.
    next_step : str, default=""
    names : tuple of str, default=()
        Accepted strings, for "did you mean".
    """

    expected: str
    accepts: Callable[[Any], bool]
    next_step: str = ""
    names: tuple[str, ...] = ()

    def __or__(self, other: Constraint) -> Constraint:
        return Constraint(
            f"{self.expected} or {other.expected}",
            lambda value: self.accepts(value) or other.accepts(value),
            self.next_step or other.next_step,
            self.names + other.names,
        )

    def check(self, name: str, value: Any) -> None:
        """Raise a ParameterError unless the value is accepted."""
        if not self.accepts(value):
            meant = nearest(value, self.names) if isinstance(value, str) else ""
            raise ParameterError(f"got {name}={shown(value)}; expected {self.expected}", meant or self.next_step)


def shown(value: Any) -> str:
    """Return the repr of a value for a message: on one line, shortened where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # the repr of a user's object may fail
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN // 2]}...{text[-MOST_SHOWN // 4 :]}"


def plain(value: Any) -> Any:
    """Return a member of a subclass of str, such as a StrEnum, as a plain str; other values as they are."""
    return str.__str__(value) if isinstance(value, str) else value


def check_values(values: Mapping[str, Any], **others: Constraint) -> None:
    """Raise a ParameterError where a parameter holds a value that it does not accept.

    Parameters
    ----------
    values : mapping of str to value
        The parameters of a call by name, ``locals()`` in its first line. Names that are not in the table are ignored.
    **others : Constraint
        For names that mean something else here than in the table.
    """
    for name, value in values.items():
        if (constraint := others.get(name) or TABLE.get(name)) is not None:
            constraint.check(name, value)


def integer(least: int | None = None, most: int | None = None) -> Constraint:
    """Return a constraint: integers of at most 64 bits between bounds, NumPy's included, bool excluded."""
    words = "an integer" if least is None else "a positive integer" if least == 1 else f"an integer of at least {least}"
    if most is not None:
        words = f"an integer from {least} to {most}"

    def accepts(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral) or abs(int(value)) > sys.maxsize:
            return False
        return (least is None or int(value) >= least) and (most is None or int(value) <= most)

    return Constraint(words, accepts)


def number(low: float, high: float) -> Constraint:
    """Return a constraint: numbers from `low` to below `high`, bool excluded."""

    def accepts(value: Any) -> bool:
        return isinstance(value, Real) and not isinstance(value, bool) and low <= float(value) < high

    words = f"a number from {low} to below {high}" if high < math.inf else f"a finite number of at least {low}"
    return Constraint(words, accepts)


def one_of(*names: str, next_step: str = "") -> Constraint:
    """Return a constraint: one of some strings."""
    expected = f"one of {', '.join(names)}"
    return Constraint(expected, lambda value: isinstance(value, str) and value in names, next_step, names)


def a(kind: str, next_step: str) -> Constraint:
    """Return a constraint: an object of a class of featx, given by name so that it need not be imported."""
    article = "an" if kind[0] in "AEIOU" else "a"
    return Constraint(f"{article} {kind}", lambda value: _is_a(value, kind), next_step)


def _is_a(value: Any, *kinds: str) -> bool:
    return any(each.__name__ in kinds and each.__module__.partition(".")[0] == "featx" for each in type(value).__mro__)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and _is_text(os.fspath(value))


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, Integral) and value in (0, 1))


def _is_level(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, Real) and float(value) >= 0)


def _is_random_state(value: Any) -> bool:
    return value is None or value is np.random or isinstance(value, np.random.RandomState)


def _is_shape(value: Any) -> bool:
    sides = list(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes) else []
    return len(sides) in (2, 3) and all(integer(1).accepts(side) for side in sides)


def _is_device(value: Any) -> bool:
    # A device of torch's own is as good as its name.
    return (_is_text(value) and value.isascii()) or (type(value).__module__, type(value).__name__) == (
        "torch",
        "device",
    )


def _names(value: Any, kinds: Any) -> bool:
    if isinstance(value, str | bytes) or not isinstance(value, Collection):
        return False
    return len(value) > 0 and all(isinstance(name, kinds) for name in value)


def _are_pairs(value: Any) -> bool:
    if not isinstance(value, Sequence) or not len(value):
        return False
    return all(isinstance(pair, tuple | list) and len(pair) == 2 and all(map(_is_text, pair)) for pair in value)


def _are_keys(value: Any) -> bool:
    return isinstance(value, Sequence) and all(
        isinstance(key, Exception) or (isinstance(key, bytes) and len(key) == 32) for key in value
    )


def _is_column(value: Any) -> bool:
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
        return False
    try:
        return _is_a(value, "PathList") or np.ndim(value) == 1  # of a million paths, NumPy would make an array
    except ValueError:  # lists of several lengths
        return False


def _is_grid(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


NONE = Constraint("None", lambda value: value is None)
TEXT = Constraint("a text that is not empty", _is_text)
# Which of them there are, others say.
STRING = Constraint("a name", lambda value: isinstance(value, str))
ANY_PATH = Constraint("a path", lambda value: isinstance(value, str | os.PathLike))
PATH = Constraint("a path", _is_path)
FILES = Constraint(
    "a file of weights, several of these or None",
    lambda value: value is None or _is_path(value) or (_is_column(value) and all(map(_is_path, value))),
)
FLAG = Constraint("True or False", _is_flag)
NAMES = Constraint("a sequence of names", lambda value: _names(value, str))
# A class is named; what is passed is made of it.
_CLASSIFIER = Constraint("a classifier", lambda value: hasattr(value, "get_params") and not isinstance(value, type))
HEAD = STRING | _CLASSIFIER
HEADS = Constraint("a sequence of names", lambda value: _names(value, object) and all(map(HEAD.accepts, value)))
# A list of texts is not made an array, whose texts take four bytes a character, all as many as the longest.
LABELS = Constraint(
    "a list of texts",
    lambda value: (isinstance(value, list) or _is_column(value)) and all(isinstance(name, str) for name in value),
)
CLASSES = Constraint("the names of the classes", lambda value: hasattr(value, "__len__"))
CURVES = Constraint("a mapping", lambda value: hasattr(value, "keys"), "Pass the history_ of a fitted classifier.")
OBJECT = Constraint("a mapping or None", lambda value: value is None or isinstance(value, Mapping))
NETWORK = Constraint(
    "a torch.nn.Module or None",
    lambda value: value is None or any(f"{each.__module__}.{each.__name__}" == "torch.nn.modules.module.Module"
                                       for each in type(value).__mro__),
)  # fmt: skip
COLUMN = Constraint("a sequence with one for each image", _is_column)
FRACTION = Constraint("a fraction between 0 and 1", lambda value: number(0, 1).accepts(value) and value != 0)
AUTO = Constraint("'auto'", lambda value: isinstance(value, str) and value == "auto")
BATCH = integer(1) | AUTO
DEVICES = "'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'"
DEVICE = Constraint(DEVICES, _is_device, "'auto' takes a GPU if there is one.")
PRECISION = one_of(*get_args(Precision), next_step="'auto' chooses.")
RESIZE = one_of(*get_args(Resize))
ON_ERROR = one_of(
    *get_args(OnError), next_step="'skip' leaves out images that cannot be read, or makes their rows NaN."
)
SOURCES = Constraint(
    "images that as_sources has wrapped",
    lambda value: (
        _is_a(value, "ImageSources")
        or (isinstance(value, Sequence | np.ndarray) and all(_is_a(image, "ImageSource") for image in value))
    ),
    "Pass as_sources(images).",
)
CACHE = Constraint("an EmbeddingCache or None", lambda value: value is None or _is_a(value, "EmbeddingCache"))
SEED = replace(integer(0, 2**32 - 1), next_step="Pass a seed: random_state=0.")
# Where it may be drawn.
RANDOM_STATE = replace(
    SEED,
    expected=f"{SEED.expected}, a numpy.random.RandomState or None",
    accepts=lambda value: SEED.accepts(value) or _is_random_state(value),
)
_DATASET = a("ImageDataset", "Pass what load_dataset returns.")
_TRANSFORMER = a("CNNFeatureTransformer", "Pass CNNFeatureTransformer().")
JOBS = (
    Constraint(
        "a positive integer, a negative one (-1: all processors)",
        lambda value: integer(-(2**31), 2**31 - 1).accepts(value) and value != 0,
    )
    | NONE
)
_BALANCED = Constraint("'balanced'", lambda value: isinstance(value, str) and value == "balanced")
_WEIGHTS = Constraint("a mapping of label to weight", lambda value: isinstance(value, Mapping))
_SHAPE = Constraint("(height, width), (height, width, channels) or (channels, height, width)", _is_shape)
GRID = Constraint("a mapping of parameter to values", _is_grid, "Such as {'C': [0.1, 1]}.")
_GRIDS = Constraint(
    "a mapping of head to (mapping of parameter to values)",
    lambda value: _is_grid(value) and all(grid is None or _is_grid(grid) for grid in value.values()),
    "Such as {'logistic': {'C': [0.1, 1]}}.",
)

TABLE: dict[str, Constraint] = {
    # data
    "dataset": _DATASET,
    "test": _DATASET | NONE,
    "groups": COLUMN | NONE,
    "together": COLUMN | NONE,
    "stratify": COLUMN | NONE,
    "min_images": integer(1),
    "cv": integer(2) | NONE,
    "path_column": TEXT | NONE,
    "label_column": TEXT | NONE,
    "label_pattern": TEXT | NONE,
    "per_class": integer(1) | NONE,
    "split_from": PATH | NONE,
    "labelled": FLAG,
    # networks and how images are read
    "transformer": _TRANSFORMER,
    "classifier": a("CNNFineTuneClassifier", "Pass CNNFineTuneClassifier()."),
    "transfer": _TRANSFORMER | NONE,
    "layers": Constraint(
        "a sequence of names, or of None", lambda value: _names(value, str | None), "Such as ['stage6', 'head']."
    ),
    "poolings": NAMES,
    "image_shape": _SHAPE | NONE,
    "max_pixels": integer(1) | NONE,
    "source": a("BackboneSource", "Pass resolve_backbone(NAME)."),
    "views": Constraint("pairs (layer, pooling)", _are_pairs, "Such as [('head', 'avg')]."),
    "keys": Constraint("what `image_keys` gave", _are_keys) | NONE,
    "precision": PRECISION,
    "device": DEVICE,
    "n_jobs": JOBS,
    "on_error": ON_ERROR,
    # heads
    "head": HEAD,
    "heads": HEADS,
    "grid": GRID | NONE,
    "grids": _GRIDS | NONE,
    "scoring": one_of(*get_args(Scoring)),
    "tuning_images": integer(1) | NONE,
    "class_weight": _BALANCED | _WEIGHTS | NONE,
    # training
    "early_stopping": FLAG,
    "checkpoint": PATH | NONE,
    # everything
    "random_state": SEED,
    "top": integer(1),
    "folder": PATH | NONE,
    "verbose": Constraint("True or False", _is_level),
}
