"""Checkpoints: save the state of a training to one file after each epoch, and resume the same training from it.

The file is written under a temporary name, synced and renamed, so that a kill leaves the one of the previous epoch.
Nothing in it is executed when it is read.
"""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..cache.files import replaced, sync_folder, written_path
from ..exceptions import ModelFileError

__all__ = ["Checkpoint", "CheckpointError"]

# 2: weight decay spares more, statistics are estimated anew, modules that read `self.training` act in training.
CHECKPOINT_FORMAT = 2
ANOTHER_PATH = "Choose another path, or remove the file to begin anew."


class CheckpointError(ModelFileError):
    """The file is not a checkpoint of this training: of another one, of another version, damaged, or another file."""


class Checkpoint:
    """One file that belongs to one training.

    Parameters
    ----------
    path : str or PathLike
    identity : mapping of str to str
        Everything that the result depends on: network, trained part, settings, images and labels.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, str]) -> None:
        self.path = Path(path)
        self.identity = dict(identity)

    def load(self) -> dict[str, Any] | None:
        """Return the state of the last epoch, with all tensors on the CPU, or None when there is no file.

        Raises
        ------
        CheckpointError
            If it is not a checkpoint, is damaged, or belongs to another training; the file is left unchanged.
        ModelFileError
            If it cannot be read.
        """
        import torch

        if not self.path.exists():
            return None
        step = ANOTHER_PATH
        try:
            content = torch.load(written_path(self.path), map_location="cpu", weights_only=True)
            identity, state = dict(json.loads(content["identity"])), dict(content["state"])
            if content["format"] != CHECKPOINT_FORMAT:
                raise CheckpointError(
                    f"{self.path} has format {content['format']}; this featx reads {CHECKPOINT_FORMAT}", step
                )
        except CheckpointError:
            raise
        except OSError as error:
            raise ModelFileError(f"cannot read {self.path}: {error.strerror or error}", step) from error
        except pickle.UnpicklingError as error:
            raise CheckpointError(f"{self.path} holds more than a checkpoint does, and is refused", step) from error
        except Exception as error:  # damaged files fail in many ways
            raise CheckpointError(f"{self.path} is not a checkpoint, or it is damaged", step) from error
        differing = [key for key in {**identity, **self.identity} if identity.get(key) != self.identity.get(key)]
        if differing:
            parts = "; ".join(_difference(key, identity.get(key), self.identity.get(key)) for key in differing[:3])
            raise CheckpointError(f"the checkpoint {self.path} belongs to another training: {parts}", step)
        return state

    def check_writable(self) -> None:
        """Check that the file can be written.

        Raises
        ------
        ModelFileError
        """
        try:
            target = written_path(self.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=target.parent):
                pass
        except OSError as error:
            step = ANOTHER_PATH if self.path.exists() else "Choose another path."
            raise ModelFileError(f"cannot write the checkpoint {self.path}: {error.strerror or error}", step) from error

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the file; when this returns the epoch is on disk.

        Raises
        ------
        ModelFileError
            If it cannot be written; the file of the previous epoch is untouched.
        """
        import torch

        content = {"format": CHECKPOINT_FORMAT, "identity": json.dumps(self.identity), "state": dict(state)}
        try:
            target = written_path(self.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with replaced(target) as temporary, open(temporary, "wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(target.parent)
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            raise ModelFileError(
                f"cannot write the checkpoint {self.path}: {getattr(error, 'strerror', None) or error}",
                "Free some space, or choose another path; the last epoch that was saved is still there.",
            ) from error


def _difference(key: str, then: str | None, now: str | None) -> str:
    """Return how an entry of the identity differs; digests are not shown, for they say nothing to a reader."""
    if {len(str(value)) for value in (then, now)} == {64}:
        return f"other {key}"
    return f"{key} was {_short(then)} and is {_short(now)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
