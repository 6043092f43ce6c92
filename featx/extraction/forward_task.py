"""What to compute and how goes to every worker of one extraction; what became of the images comes back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..cache import EmbeddingSpec
from ..networks.backbone import BackboneSource
from ..networks.pooling import View

__all__ = ["ForwardResult", "ForwardTask"]


@dataclass(frozen=True)
class ForwardTask:
    """What every worker of one extraction needs to know.

    Attributes
    ----------
    source : BackboneSource
    views : tuple of (layer, pooling)
    precision, device : str
    batch_size : int
        Images in the network at once, in all lanes together.
    threads : int
        That decode ahead of the network.
    raises : bool
        Whether an unreadable image ends the work.
    lanes : int
        How many batches are in the network at once, where it allows that; each has its share of the processor.
    worker_host : str
        The host of a worker that was handed a share of its own, which takes no turns; empty for all others.
    """

    source: BackboneSource
    views: tuple[View, ...]
    precision: str
    device: str
    batch_size: int
    threads: int
    raises: bool
    lanes: int = 1
    worker_host: str = ""

    @property
    def takes_turns(self) -> bool:
        """Whether others may be at the same images."""
        return not self.worker_host

    @property
    def specs(self) -> list[EmbeddingSpec]:
        """The spec of each view."""
        return [self.source.spec(view, self.precision) for view in self.views]


@dataclass
class ForwardResult:
    """What became of the images.

    Attributes
    ----------
    results : list of (digest or None, reason or None)
        For each image the digest of the bytes that were decoded, or why they could not be.
    n_forwarded : int
    seconds : Counter
        Wall time of `wait` (for decoding), `forward` (for the network) and `write`; the times of all threads together
        for `read` and `decode`.
    peaks : list of int
        The largest values of the images that were read on the scale of 16 bits.
    """

    results: list[tuple[bytes | None, str | None]] = field(default_factory=list)
    n_forwarded: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    peaks: list[int] = field(default_factory=list)

    def add(self, other: ForwardResult) -> None:
        """Take over what became of further images."""
        self.results += other.results
        self.n_forwarded += other.n_forwarded
        self.seconds.update(other.seconds)
        self.peaks += other.peaks
