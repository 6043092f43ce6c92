"""ForecastResult: the time, disk space and memory that a command will take, for each of its parts and in all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from ..display.records import Record
from ..display.summary_mixin import SummaryMixin

__all__ = ["ForecastResult", "Part"]


@dataclass(frozen=True, repr=False)
class Part(Record):
    """One part of a command, with its costs.

    Attributes
    ----------
    name : str
    seconds : float
    disk_bytes, memory_bytes : int
        Written and kept; held at a time, without the networks and batches.
    n_images : int
        Forwarded, or trained on in all epochs together; 0 for other work.
    """

    name: str
    seconds: float
    disk_bytes: int = 0
    memory_bytes: int = 0
    n_images: int = 0

    def __add__(self, other: Part) -> Part:
        """Return both as one part; they hold their memory one after the other."""
        memory, n_images = max(self.memory_bytes, other.memory_bytes), self.n_images + other.n_images
        disk = self.disk_bytes + other.disk_bytes
        return Part(self.name, self.seconds + other.seconds, disk, memory, n_images)


@dataclass(repr=False)
class ForecastResult(SummaryMixin):
    """What a command will cost.

    Attributes
    ----------
    n_images, n_passes : int
        Passes of images through a network: one for each image, unless several networks, draws or repeats need more.
    n_cached : int
        How many of these are cached already, or will be by the time that they are needed.
    about : bool
        Whether the counts are estimated from a random part of the images, because there are too many files to read.
    n_probed, n_unreadable : int
        Images that were forwarded to measure the speed, and all that were found to be unreadable.
    at_most : bool
        Whether it may end earlier, as training does when nothing improves.
    base_bytes : int
        Memory of the process with its networks and batches; 0 if the system does not say.
    parts : list of Part
        In the order of the work.
    sooner : str
        Why it may end earlier, where that is another reason than training's.
    """

    n_images: int
    n_passes: int
    n_cached: int
    about: bool
    n_probed: int
    n_unreadable: int
    at_most: bool = False
    base_bytes: int = 0
    parts: list[Part] = field(default_factory=list)
    sooner: str = ""

    @property
    def seconds(self) -> float:
        """Of all parts together."""
        return sum(part.seconds for part in self.parts)

    @property
    def disk_bytes(self) -> int:
        """Of all parts together."""
        return sum(part.disk_bytes for part in self.parts)

    @property
    def memory_bytes(self) -> int:
        """Of the process at its largest."""
        return self.base_bytes + max((part.memory_bytes for part in self.parts), default=0)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, with the totals, as types that JSON can hold."""
        totals = {name: getattr(self, name) for name in ("seconds", "disk_bytes", "memory_bytes")}
        found = {**totals, **asdict(self)}
        return {name: value for name, value in found.items() if value or name != "sooner"}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)
