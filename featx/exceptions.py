"""The errors that featx raises on purpose; each says what is wrong and what to do next.

::

    FeatxError
    ├── ParameterError (ValueError)        a parameter outside what it accepts
    ├── ImageDecodeError (ValueError)      an image that cannot be read
    ├── DatasetError (ValueError)          a folder, manifest or sample that is not a data set
    ├── BackboneError (ValueError)         a network that is unknown or cannot be used
    │   ├── LayerError                     a layer or pooling that the network does not have
    │   └── WeightsError                   weights that are missing, damaged or of another network
    ├── CacheError                         a cache that cannot be read or written
    ├── ModelFileError (ValueError)        a file that is not a featx model, or must not be used
    ├── TrainingError                      a training that diverged or does not fit into memory
    ├── WorkerError (RuntimeError)         processes that computed for this one and were lost
    └── MissingDependencyError (ImportError)

A `TrainingWarning` says that a training stopped early and left something to use, or that some layers have no effect.
Any other exception is a bug in featx.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from itertools import islice

__all__ = [
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
]

# Longer names are shortened to their two ends: text that was taken for a path may be a whole file.
LONGEST, END = 1000, 100
# At most so many names of a folder are compared with a missing one.
COMPARED = 2000


class FeatxError(Exception):
    """The base class of featx's errors.

    Parameters
    ----------
    message : str
        What is wrong, naming the thing.
    next_step : str, default=""
        What the user can do about it.
    """

    def __init__(self, message: str, next_step: str = "") -> None:
        message = re.sub(rf"\S{{{LONGEST + 1},}}", lambda found: _shortened(found[0]), message)
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        if not self.next_step:
            return self.message
        # Messages of other libraries end with a full stop of their own.
        message = self.message if self.message.endswith("...") else self.message.rstrip(".")
        return f"{message}. {self.next_step}"


class ParameterError(FeatxError, ValueError):
    """A parameter holds a value that it does not accept."""


class ImageDecodeError(FeatxError, ValueError):
    """An image could not be turned into pixels.

    Parameters
    ----------
    name : str
        The file, URL or position of the image.
    reason : str
        Why it could not be read.
    next_step : str, default=""
    """

    def __init__(self, name: str, reason: str, next_step: str = "") -> None:
        super().__init__(f"cannot read {_named(name)}: {reason}", next_step)
        self.args = (name, reason, next_step)
        self.name = name
        self.reason = reason


def _shortened(text: str) -> str:
    return f"{text[:END]}...{text[-END:]}"


def _named(name: str) -> str:
    """Return how a message names an image, shortened where the name is long."""
    if re.fullmatch(r"image \d+", name):  # its position
        return name
    if len(name) > LONGEST:
        name = _shortened(name)
    return f"image {name if name.strip() else repr(name)}"


class DatasetError(FeatxError, ValueError):
    """A data set could not be made from the input."""


class BackboneError(FeatxError, ValueError):
    """A network is unknown or cannot be used as a backbone."""


class LayerError(BackboneError):
    """The backbone has no such layer, or the layer cannot be pooled that way."""


class WeightsError(BackboneError):
    """The weights are missing, damaged or belong to another network."""


class CacheError(FeatxError):
    """The embedding cache could not be read or written."""


class ModelFileError(FeatxError, ValueError):
    """A file is not a featx model, or must not be used here."""


class TrainingError(FeatxError):
    """A training diverged before anything was learnt, or a single image does not fit into memory."""


class WorkerError(FeatxError, RuntimeError):
    """The processes that joblib offers were lost, cannot be reached, or cannot be sent the work."""


class TrainingWarning(UserWarning):
    """A training stopped early, and its best epoch so far is kept; or a part of the network has no effect."""


class MissingDependencyError(FeatxError, ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    package : str
    purpose : str
        What needs it.
    extra : str, default=""
        The featx extra that installs it, if there is one.
    """

    def __init__(self, package: str, purpose: str, extra: str = "") -> None:
        wanted = f"'featx[{extra}]'" if extra else package
        super().__init__(f"{purpose} needs {package}", f"Install it with: pip install {wanted}")
        self.args = (package, purpose, extra)


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> str:
    """Return "did you mean a, b or c?" for the known names closest to `name`, or an empty string.

    Capitals and small letters count as the same.
    """
    spelled: dict[str, str] = {}
    for one in known:
        spelled.setdefault(one.lower(), one)
    close = difflib.get_close_matches(name.lower(), list(spelled), n=count, cutoff=0.5)
    return f"Did you mean {' or '.join(spelled[one] for one in close)}?" if close else ""


def nearest_path(path: str | os.PathLike[str]) -> str:
    """Return "did you mean a?" for a missing file or folder, by the names in the folder where it should be."""
    folder, name = os.path.split(os.path.normpath(os.fspath(path)))
    while folder and not os.path.isdir(folder):
        folder, name = os.path.split(folder)
        if not name:
            return ""
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = [entry.name for entry in islice(entries, COMPARED)]
    except OSError:
        return ""
    # Stems are compared without suffixes: in short names, equal suffixes would outweigh different stems.
    stem, suffix = os.path.splitext(name)
    parts = {one: os.path.splitext(one) for one in names}
    like = [one for one in names if parts[one][1] == suffix or difflib.get_close_matches(stem, [parts[one][0]])]
    close = difflib.get_close_matches(name, like, n=1, cutoff=0.6)
    return f"Did you mean {os.path.join(folder, close[0])}?" if close else ""


# As pickles and tracebacks name them.
for _name in __all__:
    globals()[_name].__module__ = "featx"
