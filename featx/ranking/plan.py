"""RankingPlan: the networks, their views, and the images of each round, before any of them is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..choices import Pooling
from ..constraints import check_values, integer
from ..datasets.dataset import ImageDataset
from ..datasets.prepare import PreparedData, SplitOptions
from ..datasets.split import join_test
from ..display.notes import note_once
from ..display.quantities import count_text
from ..evaluation.splits import Split, outer_folds
from ..exceptions import DatasetError
from ..extraction.searched_networks import searched_networks
from ..extraction.steps import HeadFits, Passes
from ..extraction.transformer import CNNFeatureTransformer
from ..heads.tuned_head import TunedHead
from ..images.sources import ImageSource
from ..runtime.seeds import drawn_seed
from .judge import JudgedRows
from .speed import TIMED_PASSES
from .subsample import draw_rounds, round_sizes

__all__ = ["HEAD", "IMAGES", "REPEATS", "RankingPlan", "plan_ranking"]

# The head whose accuracy decides.
HEAD = "logistic"
IMAGES = 500
# Cross-validations with other folds, whose mean is less a matter of luck than one; see benchmarks/README.md.
REPEATS = 3


@dataclass(frozen=True)
class RankingPlan:
    """What `rank_backbones` is about to do.

    Attributes
    ----------
    networks : dict of str to CNNFeatureTransformer
        Each computes all its views in one pass.
    data : PreparedData
        Without a test part that the data set came with; its `split` is the list of the rows of each round, in
        increasing order, each inside the next.
    cv : int
        Folds.
    random_state : int
    """

    networks: dict[str, CNNFeatureTransformer]
    data: PreparedData
    cv: int
    random_state: int

    @property
    def rounds(self) -> list[np.ndarray]:
        """The rows of each round, in the data set without the images that were left out."""
        return list(self.data.split)

    @property
    def images(self) -> Sequence[ImageSource]:
        """All images as the transformers read them, before some are left out."""
        return next(iter(self.networks.values())).sources(self.data.whole.images, self.data.whole.names)

    @property
    def passes(self) -> list[Passes]:
        """The passes of each network, if it takes part in all rounds."""
        rows = self.data.rows[self.rounds[-1]]
        return [replace(network.plan(rows), name=f"forward {name}") for name, network in self.networks.items()]

    @property
    def timing(self) -> list[tuple[Passes, int]]:
        """The passes of each network, and how many images measure its speed up to each of its layers."""
        found = [(replace(each, name="measure the speed"), {view.layer for view in each.views}) for each in self.passes]
        return [(passes, len(layers) * TIMED_PASSES) for passes, layers in found]

    @property
    def head_fits(self) -> list[HeadFits]:
        """The fits of the deciding head on each view, if it takes part in all rounds."""
        sizes = [len(rows) - len(rows) // self.cv for rows in self.rounds for _ in range(REPEATS * self.cv)]
        head = TunedHead(HEAD, random_state=self.random_state)
        return [
            HeadFits(head, passes, view, sizes, f"tune {HEAD} and judge")
            for passes in self.passes
            for view in passes.views
        ]

    def judged_rows(self, rows: np.ndarray, *, n_jobs: int | None = None) -> JudgedRows:
        """Return some rows of the data set as all candidates are judged on them, with the folds of each repeat.

        Parameters
        ----------
        rows : ndarray of int
        n_jobs : int, default=None
            Processes for the grid searches.
        """
        others = np.random.default_rng(self.random_state).integers(2**31, size=REPEATS - 1)
        data = self.data.dataset.take(rows)
        folds = [fold_rows(data, self.cv, seed) for seed in (self.random_state, *others.tolist())]
        return JudgedRows(_numbered(data)[1], folds, data.groups, data.together, self.random_state, n_jobs)

    def with_keys(self, keys: Sequence[Any]) -> RankingPlan:
        """Return the plan with the images drawn anew, now that copies are known."""
        return replace(self, data=self.data.with_keys(keys))


def plan_ranking(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    backbones: Sequence[Any] | None = None,
    layers: Sequence[str | None] = (None,),
    poolings: Sequence[Pooling] = ("auto",),
    images: int = IMAGES,
    cv: int = 5,
    min_images: int = 1,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> RankingPlan:
    """Return what `rank_backbones` is about to do, after raising what it would raise before any image is read.

    Parameters
    ----------
    dataset, transformer, backbones, layers, poolings, images, cv, min_images, random_state, n_jobs, verbose
        As for `rank_backbones`.
    """
    random_state = drawn_seed(random_state)
    check_values(locals(), images=integer(1), cv=integer(2))
    dataset = _without_test(join_test(dataset))
    networks = searched_networks(transformer, backbones=backbones, layers=layers, poolings=poolings)
    n_layers = max(len({view.layer for view in network.plan(np.arange(0)).views}) for network in networks.values())
    # Those that measure the speed are forwarded too; half of the images are for the comparison in any case.
    left = max(images - TIMED_PASSES * n_layers, images // 2, 1)

    def divide(data: ImageDataset, *, cv: int) -> list[np.ndarray]:
        truth = _numbered(data)[1]
        sizes = round_sizes(min(left, len(data)), cv=cv)
        together = {"groups": data.groups, "together": data.together}
        fold_rows(data, cv, random_state)  # which says what the classes lack
        rounds = draw_rounds(truth, sizes, least=max(cv, 4 if cv == 2 else 3), **together, random_state=random_state)
        # With groups, few images may not make folds that many would.
        return [rows for rows in rounds[:-1] if _has_folds(data.take(rows), cv, random_state)] + rounds[-1:]

    options = SplitOptions(divide, {"cv": cv}, min_images=min_images, random_state=random_state)
    return RankingPlan(networks, options.prepare(dataset), cv, random_state)


def fold_rows(data: ImageDataset, cv: int, random_state: int) -> list[Split]:
    """Return (train rows, test rows) of each fold; DatasetError where classes are too small for them."""
    classes, truth = _numbered(data)
    return outer_folds(truth, classes, cv, data.groups, random_state, data.together)


def _numbered(data: ImageDataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes, and the number of each image's class."""
    classes, truth = np.unique(np.asarray(data.labels), return_inverse=True)
    return classes, truth


def _has_folds(data: ImageDataset, cv: int, random_state: int) -> bool:
    try:
        return bool(fold_rows(data, cv, random_state))
    except DatasetError:
        return False


def _without_test(dataset: ImageDataset) -> ImageDataset:
    """Return the part of a data set with a split that is trained and validated on: what is chosen is judged later."""
    if dataset.split is None:
        return dataset
    last = "test" if (dataset.split == "test").any() else "validation"
    rows = np.flatnonzero(dataset.split != last)
    if not len(rows):
        raise DatasetError(f"the split has nothing but a {last} part", "Add a training part.")
    left = len(dataset) - len(rows)
    note_once(f"the {last} part of the split, {count_text(left, 'image')}, is left aside, to judge what is chosen")
    return replace(dataset.take(rows), split=None)
