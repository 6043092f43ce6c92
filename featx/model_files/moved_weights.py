"""Find the files of weights that a loaded model was fitted with, by their SHA-256, wherever they are now."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from ..constraints import FILES
from ..exceptions import ModelFileError, WeightsError
from ..extraction.estimator import ImageEstimator
from ..networks.state_files import digest_file
from ..networks.weights import is_file_name

__all__ = ["Files", "find_weights"]

Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def find_weights(model: str, pairs: Sequence[tuple[ImageEstimator, dict[str, Any]]], given: Files | None) -> None:
    """Set the weights of each estimator of a model to the file that has the digest in its spec.

    The file is looked for among those that are given, then where it was when the model was fitted, then next to the
    model.

    Parameters
    ----------
    model : str
        The file of the model.
    pairs : sequence of (estimator, spec)
    given : str, PathLike, sequence of these, or None

    Raises
    ------
    ModelFileError
        If a file that was given belongs to none of them, or the file that is found holds other weights.
    WeightsError
        If there is no such file.
    """
    FILES.check("weights", given)
    files = [given] if isinstance(given, str | os.PathLike) else list(given or ())
    digests = {os.fspath(file): digest_file(os.fspath(file)) for file in files}
    # Without the size of position embeddings, which follows the image size.
    wanted = [(estimator, spec["weights_digest"].partition(";")[0]) for estimator, spec in pairs]
    named = [(estimator, digest) for estimator, digest in wanted if isinstance(estimator.backbone, str)]
    needs = dict.fromkeys(f"{_described(estimator)} needs {digest[:40]}" for estimator, digest in named)
    for file, digest in digests.items():
        if digest not in [needed for _, needed in named]:
            raise ModelFileError(
                f"{file} does not hold the weights that {model} was fitted with: its SHA-256 is {digest[:40]}, and "
                + ("; ".join(needs) or "the network is a module that brings its own"),
                "Pass the file that the model was fitted with, or fit again.",
            )
    for estimator, digest in named:
        chosen = next((file for file, found in digests.items() if found == digest), None)
        if chosen is not None:
            estimator.weights = chosen
        elif is_file_name(estimator.weights):
            estimator.weights = _found(model, estimator, digest)


def _described(estimator: ImageEstimator) -> str:
    weights = estimator.weights
    return f"{estimator.backbone} with weights={(_name(weights) if is_file_name(weights) else weights)!r}"


def _name(file: Any) -> str:
    """Return the name of a file, given its path on this system or another."""
    return re.split(r"[\\/]", os.fspath(file))[-1]


def _found(model: str, estimator: ImageEstimator, wanted: str) -> str:
    """Return the file of these weights, where it was or next to the model."""
    name = _name(estimator.weights)
    adjacent = os.path.join(os.path.dirname(os.path.abspath(model)), name)
    paths = list(dict.fromkeys([os.fspath(estimator.weights), adjacent]))
    others, reasons = {}, []
    for file in paths:
        try:
            digest = digest_file(file)
        except WeightsError as error:
            reasons.append(error.message)
        except ValueError as error:  # a file may name something that is not a path
            reasons.append(f"{file!r}: {error}")
        else:
            if digest == wanted:
                return file
            others[file] = digest
    next_step = "Pass load_model(path, weights=FILE) or `featx predict --weights FILE`, or put it beside the model."
    if others:
        raise ModelFileError(
            f"{model} was fitted on embeddings of other weights of {estimator.backbone} than are here: SHA-256 "
            f"{wanted[:40]} then, {' and '.join(f'{digest[:40]} now in {file}' for file, digest in others.items())}",
            f"Bring back those weights, or fit again. If they are elsewhere: {next_step}",
        )
    raise WeightsError(f"the weights {name} that {model} was fitted with are not here: {'; '.join(reasons)}", next_step)
