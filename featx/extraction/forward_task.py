"""What a worker process of an extraction is sent and returns: the task and result of a forward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..cache import EmbeddingSpec
from ..cache.interface import EmbeddingStore
from ..choices import Auto, Precision, ResolvedPrecision
from ..exceptions import ImageDecodeError
from ..networks.backbone import BackboneSource
from ..networks.device import resolve_device
from ..networks.pooling import View
from ..networks.precision import choose_precision
from ..runtime.lanes import Lanes
from ..runtime.resources import thread_count

__all__ = ["ForwardResult", "ForwardTask"]

ONE_IMAGE = Lanes(1, 1)


@dataclass(frozen=True, kw_only=True)
class ForwardTask:
    """What every worker of one extraction needs to know: network, views, precision, device and batch size.

    Attributes
    ----------
    source : BackboneSource
    views : tuple of (layer, pooling)
    precision : str
    device : str
        As it was given until the task is `placed`, because looking for devices imports torch.
    threads : int
        The number of threads that decode ahead of the network.
    n_jobs : int or None
        By which that number was chosen, and is chosen on another machine.
    raises : bool
        Whether an unreadable image raises.
    lanes : Lanes
        How many images are in the network at once, and in how many batches where the network allows several.
    takes_turns : bool
        Whether other processes may be computing the same images; a worker has a share of its own.
    """

    source: BackboneSource
    views: tuple[View, ...]
    precision: ResolvedPrecision
    device: str
    threads: int
    n_jobs: int | None = None
    raises: bool = True
    lanes: Lanes = ONE_IMAGE
    takes_turns: bool = True

    @classmethod
    def of(
        cls,
        source: BackboneSource,
        views: Sequence[View],
        *,
        store: EmbeddingStore,
        precision: Precision,
        device: str,
        n_jobs: int | None,
        raises: bool = True,
    ) -> ForwardTask:
        """Return the task of an extraction with these parameters; its device is still to be found."""
        return cls(
            source=source,
            views=tuple(View(*view) for view in views),
            precision=choose_precision(source, precision, device=device, cache=store),
            device=device,
            threads=thread_count(n_jobs),
            n_jobs=n_jobs,
            raises=raises,
        )

    def placed(self, batch_size: int | Auto) -> ForwardTask:
        """Return the task for a device of this machine, with the lanes that are fastest there."""
        device = resolve_device(self.device)
        # A user's module may keep state from one batch to the next.
        return replace(self, device=device, lanes=Lanes.on(device, batch_size, single=self.source.is_custom))

    @property
    def specs(self) -> list[EmbeddingSpec]:
        """The spec of each view."""
        return [self.source.spec(view, self.precision) for view in self.views]


@dataclass
class ForwardResult:
    """The digest or the failure of each image of a task, and timings.

    Attributes
    ----------
    results : list of (digest or None, ImageDecodeError or None)
        For each image the digest of the bytes that were decoded, or the error of reading it.
    n_forwarded : int
    seconds : Counter
        Wall time of `wait` (for decoding), `forward` (for the network) and `write`; the sum over all threads for `read`
        and `decode`.
    peaks : list of int
        The largest value of each 16-bit image.
    """

    results: list[tuple[bytes | None, ImageDecodeError | None]] = field(default_factory=list)
    n_forwarded: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    peaks: list[int] = field(default_factory=list)

    def add(self, other: ForwardResult) -> None:
        """Add the result of further images."""
        self.results += other.results
        self.n_forwarded += other.n_forwarded
        self.seconds.update(other.seconds)
        self.peaks += other.peaks
