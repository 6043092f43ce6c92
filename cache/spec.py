"""EmbeddingSpec: the settings that identify an embedding, whose digest names its folder in the cache."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from ..constraints import integer, shown
from ..exceptions import CacheError, ParameterError

__all__ = ["EmbeddingSpec"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingSpec:
    """The settings that an embedding depends on besides the image.

    Two embeddings of one image that could differ by more than float noise have different specs.

    Parameters
    ----------
    backbone : str
        Name of the network, or the class of a passed module.
    weights_digest : str
        SHA-256 of the weights' file, or of a module's code and state (with an identifier of the module and its copies,
        where not all of these can be digested), or the seed and library versions of random weights.
    layer : str
        Stage or graph node whose output is pooled.
    pooling : str
        How a feature map becomes a vector.
    preprocessing : str
        Canonical text of resizing, cropping and normalisation.
    precision : str, default="float32"
        Arithmetic of the forward pass.
    revision : int, default=1
        Counts changes of featx's own arithmetic.
    """

    backbone: str
    weights_digest: str
    layer: str
    pooling: str
    preprocessing: str
    precision: str = "float32"
    revision: int = 1

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, kind = getattr(self, field.name), str if field.type == "str" else int
            # NumPy's strings and integers are not JSON values.
            plain = isinstance(value, str) if kind is str else integer().accepts(value)
            if not plain:
                raise ParameterError(f"got {field.name}={shown(value)}; expected {field.type}", "Pass plain values.")
            object.__setattr__(self, field.name, kind(value))

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal characters of the SHA-256 of the canonical JSON; names the folder of the rows."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:32]

    def to_dict(self) -> dict[str, str | int]:
        """Return the fields as a plain dictionary."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """Return the canonical JSON: sorted keys, no spaces."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> EmbeddingSpec:
        """Return the spec that `to_json` wrote.

        Parameters
        ----------
        text : str

        Raises
        ------
        CacheError
            If the text is not one.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise CacheError(f"not an embedding spec: {error}") from error
