"""A failure goes in, a sentence and a next step come out: the errors that featx raises on purpose.

::

    FeatxError
    ├── ParameterError (ValueError)        a parameter outside what it accepts
    ├── ImageDecodeError (ValueError)      an image that cannot be read
    ├── DatasetError (ValueError)          a folder, manifest or sample that is no data set
    ├── BackboneError (ValueError)         a network that is unknown or cannot be used
    │   ├── LayerError                     a layer or pooling that the network does not have
    │   └── WeightsError                   weights that are missing, damaged or of another network
    ├── CacheError                         a cache that cannot be read or written
    ├── ModelFileError (ValueError)        a file that is no featx model, or one that must not be used
    ├── TrainingError                      a training that diverged or does not fit into memory
    ├── WorkerError (RuntimeError)         processes that computed for this one and were lost
    └── MissingDependencyError (ImportError)

A `TrainingWarning` tells of a training that stopped early and left something to use, or of layers that cannot do what
they are for. Anything else that escapes is a bug in featx.
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

# Names are told whole up to here, and by their ends beyond: text that was taken for a path may be a whole file.
LONGEST, END = 1000, 100
# Names in a folder that are compared with one that is not there.
COMPARED = 2000


class FeatxError(Exception):
    """The root of featx's errors.

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
        # What other libraries say ends with a full stop of its own.
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
    """Return what a message calls an image, in a line of bearable length."""
    if re.fullmatch(r"image \d+", name):  # its position
        return name
    if len(name) > LONGEST:
        name = _shortened(name)
    return f"image {name if name.strip() else repr(name)}"


class DatasetError(FeatxError, ValueError):
    """A data set could not be made out of what was given."""


class BackboneError(FeatxError, ValueError):
    """A network is unknown or cannot be used as a backbone."""


class LayerError(BackboneError):
    """The backbone has no such layer, or the layer cannot be pooled that way."""


class WeightsError(BackboneError):
    """The weights are missing, damaged or belong to another network."""


class CacheError(FeatxError):
    """The embedding cache could not be read or written."""


class ModelFileError(FeatxError, ValueError):
    """A file is no featx model, or one that must not be used here."""


class TrainingError(FeatxError):
    """A training diverged before anything was learnt, or one image is too much for the memory."""


class WorkerError(FeatxError, RuntimeError):
    """The processes that joblib offers were lost, cannot be reached, or cannot be sent the work."""


class TrainingWarning(UserWarning):
    """A training did not go as planned, and what it reached before is kept; or a part of the network does not act."""


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
    """Return "did you mean a?" for a file or folder that is not there, by what lies where it should be."""
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
    # Of short names, letters of one's suffix would make up for letters of the other.
    stem, suffix = os.path.splitext(name)
    parts = {one: os.path.splitext(one) for one in names}
    like = [one for one in names if parts[one][1] == suffix or difflib.get_close_matches(stem, [parts[one][0]])]
    close = difflib.get_close_matches(name, like, n=1, cutoff=0.6)
    return f"Did you mean {os.path.join(folder, close[0])}?" if close else ""
