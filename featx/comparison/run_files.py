"""Files of finished runs, found again by a fingerprint of everything that a run depends on.

The fingerprint covers what could change the result: the content of the images, labels, groups and rows, the strategy's
parameters with the digest of its weights, the seed and the version of featx. It is part of the file's name, so that a
different run never overwrites it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._version import __version__
from ..cache.files import replaced
from ..display.notes import note_once
from ..exceptions import ParameterError
from ..extraction.estimator import ImageEstimator
from ..heads.own_classifiers import describe_head
from ..heads.tuned_head import TunedHead
from ..heads.tuning_rows import TUNING_IMAGES

__all__ = ["RunFiles", "describe_estimator", "digest_images", "fingerprint", "is_fully_described"]

RUN_FORMAT = 1
# The result of a run does not depend on these; a cache key is in the digest of the network.
_GROUPS = ImageEstimator.parameter_groups
WITHOUT_EFFECT = {*_GROUPS["running"], *_GROUPS["failures"], "cache_key"}
# Parameters that earlier runs did not have: with these values a run is what it was, and is found again.
NEW_DEFAULTS: dict[str, Any] = {"warmup_learning_rate": None}


def fingerprint(*parts: Any) -> str:
    """Return 32 hexadecimal digits that identify the parts: texts, numbers, arrays, and lists and mappings of these."""
    checksum = hashlib.sha256()
    for part in (RUN_FORMAT, __version__, *parts):
        checksum.update(_stable(part).encode() + b"\0")
    return checksum.hexdigest()[:32]


def digest_images(keys: Sequence[Any], names: Sequence[str]) -> np.ndarray:
    """Return what identifies the content of each image, uint8 (n, 32): its key, or its name if it cannot be read."""
    plain = [k if isinstance(k, bytes) else hashlib.sha256(name.encode()).digest()
             for k, name in zip(keys, names, strict=True)]  # fmt: skip
    return np.frombuffer(b"".join(plain), np.uint8).reshape(-1, 32)


def describe_estimator(estimator: BaseEstimator, n_train: int = 0) -> list[str]:
    """Return the parameters that identify what an estimator computes of so many images, as sorted texts."""
    texts = [f"class={type(estimator).__module__}.{type(estimator).__qualname__}"]
    for name, value in sorted(estimator.get_params(deep=True).items()):
        parameter = name.rpartition("__")[2]
        if parameter == "tuning_images":
            texts += [f"{name}={part}" for part in _tuned_on(value, n_train)]
            continue
        is_new = parameter in NEW_DEFAULTS and _stable(value) == _stable(NEW_DEFAULTS[parameter])
        if parameter not in WITHOUT_EFFECT and not is_new:
            texts.append(f"{name}={_stable(value)}")
        if isinstance(value, BaseEstimator):
            texts += [f"{name}.{text}" for text in _weights(value)]
        if isinstance(value, TunedHead):
            texts += [f"{name}.{text}" for text in describe_head(value.head)]
    return texts + _weights(estimator)


def is_fully_described(estimator: BaseEstimator) -> bool:
    """Tell whether estimators with the same description compute the same, so that their names need not be the same.

    Of other objects, such as modules that are parameters of a user's own classifier, the description has the type or
    what they print as; featx's estimators describe theirs.
    """
    parameters = estimator.get_params(deep=True)
    return all(
        _is_plain(value) or isinstance(parameters.get(name.rpartition("__")[0], estimator), ImageEstimator)
        for name, value in parameters.items()
        if name.rpartition("__")[2] not in WITHOUT_EFFECT
    )


def _tuned_on(most: int | None, n_train: int) -> list[str]:
    """Return on how many images parameters are chosen, if that is not all of no more than the default.

    Of more images than the default, runs of earlier versions do not say on how many their parameters were chosen. Their
    description has nothing of it, so "all" is said too.
    """
    if most is not None and most < n_train:
        return [str(most)]
    return ["all"] if n_train > TUNING_IMAGES else []


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype != object
    # Those are listed with their own parameters.
    return value is None or isinstance(value, str | bytes | Number | np.generic | os.PathLike | BaseEstimator)


def _weights(estimator: BaseEstimator) -> list[str]:
    if not isinstance(estimator, ImageEstimator):
        return []
    source = estimator.source()
    return [f"network={source.name} {source.weights_digest} {source.preprocessing.text}"]


def _stable(value: Any) -> str:
    """Return a text that is equal for equal values, in every process."""
    if isinstance(value, np.ndarray):
        content = value.tobytes() if value.dtype != object else repr(value.tolist()).encode()
        return f"array {value.shape} {value.dtype.str} {hashlib.sha256(content).hexdigest()}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_stable(k)}: {_stable(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_stable, value)) + "]"
    # The parameters of an estimator are listed separately; a module is identified by the digest of its weights.
    if isinstance(value, BaseEstimator) or hasattr(value, "state_dict"):
        return f"{type(value).__module__}.{type(value).__qualname__}"
    return repr(value)


class RunFiles:
    """A folder of finished runs, one file each; without a folder nothing is kept.

    Parameters
    ----------
    folder : str, PathLike or None
        Created if it does not exist.

    Raises
    ------
    ParameterError
        If the folder cannot be written to.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                if not os.access(self.folder, os.W_OK):
                    raise PermissionError(None, "no permission")
            except OSError as error:
                raise ParameterError(
                    f"cannot write into the folder {folder}: {error.strerror or error}", "Choose another one."
                ) from error

    def load(self, name: str, key: str, *, any_name: bool = False) -> tuple[dict[str, Any], np.ndarray] | None:
        """Return the figures and the array of a finished run, or None if there is none or it is damaged.

        With `any_name`, a run with the same key that had another name is the same run: its strategy was renamed. If
        there is none, but one of that name that an earlier version wrote, it is noted that those are not used.
        """
        if self.folder is None:
            return None
        for path in self._paths(name, key, ".npz", any_name):
            if (found := _read(path)) is not None and found[0].pop("fingerprint", None) == key:
                found[0].pop("version", None)
                return found
        others = filter(None, map(_read, self.folder.glob(self._path(name, "?" * 16).name)))
        if any(figures.get("version") != __version__ for figures, _ in others):
            note_once(f"{self.folder} holds run files of an earlier version of featx, which are not used")
        return None

    def save(self, name: str, key: str, figures: dict[str, Any], array: np.ndarray, *, any_name: bool = False) -> None:
        """Write a finished run atomically, and remove its checkpoint.

        Raises
        ------
        ParameterError
            If the file cannot be written.
        """
        if self.folder is None:
            return
        target = self._path(name, key)
        stream, text = io.BytesIO(), json.dumps({**figures, "fingerprint": key, "version": __version__})
        np.savez_compressed(stream, figures=np.array(text), array=array)
        try:
            with replaced(target) as temporary:
                temporary.write_bytes(stream.getvalue())
        except OSError as error:
            raise ParameterError(
                f"cannot write {target}: {error.strerror or error}", "Choose another folder."
            ) from error
        for checkpoint in self._paths(name, key, ".ckpt", any_name):
            if checkpoint.is_dir():
                shutil.rmtree(checkpoint, ignore_errors=True)
            else:
                checkpoint.unlink(missing_ok=True)

    def checkpoint(self, name: str, key: str, *, any_name: bool = False) -> Path:
        """Return the path of the checkpoint of an unfinished run; with `any_name`, perhaps of one of another name."""
        paths = self._paths(name, key, ".ckpt", any_name)
        return next((path for path in paths if path.exists()), paths[0])

    def _paths(self, name: str, key: str, suffix: str, any_name: bool) -> list[Path]:
        """Return where a run of this name is, and the files of runs of other names with the same key."""
        assert self.folder is not None
        own = self._path(name, key).with_suffix(suffix)
        others = sorted(self.folder.glob(f"*-{key[:16]}{suffix}")) if any_name else []
        return [own, *(path for path in others if path != own)]

    def _path(self, name: str, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{re.sub(r'[^A-Za-z0-9_.]+', '-', name)[-120:]}-{key[:16]}.npz"


def _read(path: Path) -> tuple[dict[str, Any], np.ndarray] | None:
    """Return what a file of a run holds; None if there is no such file, or it is damaged."""
    if not path.is_file():  # a pipe would block for ever
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return dict(json.loads(str(file["figures"]))), file["array"]
    except Exception:  # damaged bytes make zipfile and numpy raise errors of many kinds
        return None
