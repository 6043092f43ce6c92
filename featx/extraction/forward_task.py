"""What a worker process of an extraction is sent and returns: the task and result of a forward pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..cache import EmbeddingSpec
from ..networks.backbone import BackboneSource
from ..networks.pooling import View

__all__ = ["ForwardResult", "ForwardTask"]


@dataclass(frozen=True)
class ForwardTask:
    """What every worker of one extraction needs to know: network, views, precision, device and batch size.

    Attributes
    ----------
    source : BackboneSource
    views : tuple of (layer, pooling)
    precision, device : str
    batch_size : int
        Images in the network at once, over all lanes.
    threads : int
        The number of threads that decode ahead of the network.
    raises : bool
        Whether an unreadable image raises.
    lanes : int
        How many batches are in the network at once, where the network allows it; each has a share of the cores.
    worker_host : str
        The host of a worker that has images of its own, so that it takes no turns; empty otherwise.
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
        """Whether other processes may be computing the same images."""
        return not self.worker_host

    @property
    def specs(self) -> list[EmbeddingSpec]:
        """The spec of each view."""
        return [self.source.spec(view, self.precision) for view in self.views]


@dataclass
class ForwardResult:
    """The digest or the failure of each image of a task, and timings.

    Attributes
    ----------
    results : list of (digest or None, reason or None)
        For each image the digest of the bytes that were decoded, or the reason why they could not be.
    n_forwarded : int
    seconds : Counter
        Wall time of `wait` (for decoding), `forward` (for the network) and `write`; the sum over all threads for `read`
        and `decode`.
    peaks : list of int
        The largest value of each 16-bit image.
    """

    results: list[tuple[bytes | None, str | None]] = field(default_factory=list)
    n_forwarded: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    peaks: list[int] = field(default_factory=list)

    def add(self, other: ForwardResult) -> None:
        """Add the result of further images."""
        self.results += other.results
        self.n_forwarded += other.n_forwarded
        self.seconds.update(other.seconds)
        self.peaks += other.peaks
