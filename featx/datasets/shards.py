"""Shards: parts of a data set for jobs of a batch system, by a hash of each path, equal on every host."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exceptions import ParameterError
from ..images.urls import is_url

__all__ = ["MOST_SHARDS", "Shard", "shard_numbers"]

# Ten times what the largest arrays of batch systems have; counts of images are kept for each.
MOST_SHARDS = 1_000_000
SLURM = "slurm"
NEXT = "It is 3/16, the third of 16, or slurm for the task of a slurm array."


@dataclass(frozen=True)
class Shard:
    """One of several parts of a data set.

    Attributes
    ----------
    number : int
        From 1 on.
    count : int
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def of(cls, text: str, environment: Mapping[str, str]) -> Shard:
        """Return the shard that a text names: 3/16, or slurm for the one of this task of a slurm array.

        Parameters
        ----------
        text : str
        environment : mapping of str to str
            With ``SLURM_ARRAY_TASK_ID`` and the others that slurm sets.

        Raises
        ------
        ParameterError
            If it names none.
        """
        if text == SLURM:
            return cls._of_slurm(environment)
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if match is None:
            raise ParameterError(f"got shard={text!r}; expected NUMBER/COUNT", NEXT)
        number, count = int(match[1]), int(match[2])
        if not 1 <= number <= count:
            raise ParameterError(f"got shard={text!r}; expected a number from 1 to {count or 'COUNT'}", NEXT)
        if count > MOST_SHARDS:
            raise ParameterError(f"got shard={text!r}; expected at most {MOST_SHARDS:,} shards", NEXT)
        return cls(number, count)

    @classmethod
    def _of_slurm(cls, environment: Mapping[str, str]) -> Shard:
        names = [f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "COUNT")]
        if absent := [name for name in names if not environment.get(name, "").isdecimal()]:
            message = f"got shard='slurm' without {absent[0]}; expected the task of an array"
            raise ParameterError(message, "Submit it by sbatch --array=1-16.")
        task, least, count = (int(environment[name]) for name in names)
        step = int(environment.get("SLURM_ARRAY_TASK_STEP") or 1)
        most = int(environment.get("SLURM_ARRAY_TASK_MAX") or task)
        if max(task, most) > least + (count - 1) * step:
            # Tasks that are submitted again by a list of numbers would divide the images anew.
            raise ParameterError(
                f"got shard='slurm' in an array of {count} tasks from {least} to {most}; expected one without gaps",
                "Name the shard by hand: --shard $SLURM_ARRAY_TASK_ID/16.",
            )
        return cls((task - least) // step + 1, count)

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Return the positions of the shard's images among those of `shard_numbers`."""
        return np.flatnonzero(numbers == self.number)


def shard_numbers(images: Sequence[Any], names: Sequence[str], *, data: str, count: int) -> np.ndarray:
    """Return the number of the shard of each image, from 1 on.

    It depends on the image's path relative to the data, or on its URL or name, and on nothing else: it is the same on
    every host, and stays when images are added.

    Parameters
    ----------
    images : sequence
        As those of an `ImageDataset`.
    names : sequence of str
        For those that are neither paths nor URLs.
    data : str
        The folder or manifest.
    count : int

    Returns
    -------
    ndarray of int, shape (n,)
    """
    base = os.path.abspath(data if os.path.isdir(data) else os.path.dirname(data))
    texts = (_text(image, name, base) for image, name in zip(images, names, strict=True))
    hashes = (int.from_bytes(hashlib.sha256(os.fsencode(text)).digest()[:8], "big") for text in texts)
    return np.fromiter((number % count + 1 for number in hashes), int, len(names))


def _text(image: Any, name: str, base: str) -> str:
    if not isinstance(image, str):
        return name
    return image if is_url(image) else os.path.relpath(os.path.abspath(image), base).replace(os.sep, "/")
