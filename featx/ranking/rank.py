"""Rank networks, layers and poolings for a data set by a part of its images, and recommend one.

In each round the candidates that are left are judged on the same images, twice as many as in the round before. What
can no longer be the best is not forwarded on more images (successive elimination).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..choices import Pooling
from ..datasets.dataset import ImageDataset
from ..datasets.split import unreadable_named
from ..display.notes import note_step
from ..display.progress import progress_bar
from ..evaluation.estimates import Estimate
from ..evaluation.paired import SIGNIFICANCE
from ..evaluation.units import nontrivial_groups
from ..exceptions import DatasetError
from ..extraction.transformer import CNNFeatureTransformer
from ..images.failures import Failure, first_reason
from ..networks.pooling import View
from .chance import chance_warnings
from .choice import choose_cheapest, front_of
from .embedded_rows import EmbeddedRows
from .judge import JudgedRows, accuracy_of, predict_rows, transferability_scores
from .plan import HEAD, IMAGES, REPEATS, RankingPlan, plan_ranking
from .resolution import resolution_of
from .result import MARGIN, RankedCandidate, RankingResult
from .speed import NetworkCost, describe_processor, measure_costs
from .undistinguished import compare_with_best

__all__ = ["rank_backbones"]

MORE = "Mend or replace them, or rank on more images: images=N (--images N)."


def rank_backbones(
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
) -> RankingResult:
    """Rank networks, layers and poolings on a part of the images, and say which may be the best and which to use.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Its groups stay on one side of every fold. Of a split that it came with, the test part, or else the
        validation part, is left aside.
    transformer : CNNFeatureTransformer
        Its parameters hold for all networks. Not changed. With ``on_error="skip"`` images that cannot be read are left
        out.
    backbones : sequence of (str or nn.Module), default=None
        None takes that of the transformer.
    layers, poolings : sequences
        Every combination is a candidate. A layer that is a stage of some of the networks only is left out of the
        others.
    images : int, default=500
        The images that go through each network at most, stratified by class, those that measure its speed included.
        A class with too few among them for the folds gets more.
    cv : int, default=5
        Folds of the cross-validation, which is repeated three times with other folds.
    min_images : int, default=1
        Classes with fewer different images are left out, with a note.
    random_state : int, RandomState or None, default=0
        Seed of the images, the folds and the heads.
    n_jobs : int, default=None
        Processes for the grid searches.
    verbose : bool, default=False
        Show progress.

    Returns
    -------
    RankingResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFeatureTransformer` raises.

    Notes
    -----
    Rounds are of a quarter, a half and all of the images. In each, logistic regression on each candidate's embeddings,
    tuned inside each fold, predicts the same images in three repeats of the cross-validation, and a candidate than
    which another is distinguishably more accurate is eliminated; see `p_values_of_being_best`. The level of 5 % is
    divided among the rounds in proportion to their images.
    What leads on a part of the images is taken to lead on all; this is not tested.

    Of those that are left, the cheapest is recommended whose accuracy is at most a point below the highest; costs that
    are at most a twentieth above the lowest count as equal to it. How small a difference these images tell, and how
    many images tell a smaller one, is in `RankingResult.resolution`.
    """
    search = dict(locals())
    plan = plan_ranking(**search)
    seconds: dict[str, float] = {}
    with _timed(seconds, "reading"):
        note_step("telling new images from known ones")
        sources, first = plan.images, next(iter(plan.networks.values()))
        keys = first.content_keys(sources, fetch=True)
        if first.on_error == "raise" and (failed := [key for key in keys if not isinstance(key, bytes)]):
            raise failed[0]
        plan = plan.with_keys(keys)
    data, whole = plan.data.dataset, plan.data.rows
    last = plan.rounds[-1]
    networks = {
        name: EmbeddedRows(network, [sources[row] for row in whole[last]], [keys[row] for row in whole[last]])
        for name, network in plan.networks.items()
    }
    candidates = [_Candidate(name, view) for name, rows in networks.items() for view in rows.views]
    with _timed(seconds, "measuring the speed"):
        note_step("measuring the speed of each network")
        order = np.random.default_rng(plan.random_state).permutation(plan.rounds[0])
        some = [sources[whole[row]] for row in order]
        costs: dict[tuple[str, str], NetworkCost] = {}
        for name, network in networks.items():
            passes = network.passes()
            found = measure_costs(passes, some)
            costs |= {(name, each.views[0].layer): cost for each, cost in zip(passes, found, strict=True)}
    active, total, held = candidates, sum(len(rows) for rows in plan.rounds), list[int]()
    bad = np.zeros(len(last), dtype=bool)
    for number, rows in enumerate(plan.rounds):
        places = np.searchsorted(last, rows)
        with _timed(seconds, "embeddings"):
            for name in dict.fromkeys(one.network for one in active):
                bad |= networks[name].fill(places)
        places = places[~bad[places]]
        if not len(places):
            raise DatasetError("none of the images can be read", first_reason(_failures(networks)))
        with _timed(seconds, "judging"), threadpool_limits(1):
            with unreadable_named(_failures(networks), MORE):
                judged = plan.judged_rows(last[places], n_jobs=n_jobs)
            held.append(len(places))
            with progress_bar(len(active), name="judging", unit="candidate", shown=verbose) as bar:
                for one in active:
                    X = networks[one.network].matrices[one.view][places]
                    one.predicted = predict_rows(HEAD, X, judged)
                    one.accuracies.append(float((one.predicted == judged.truth).mean()))
                    bar.update()
            right = np.stack([(one.predicted == judged.truth).mean(axis=0) for one in active])
            design: dict[str, Any] = {
                "units": nontrivial_groups(judged.units), "folds": plan.cv, "random_state": plan.random_state
            }  # fmt: skip
            tests, share = compare_with_best(right, **design), len(rows) / total
            # The share of this round in the level.
            adjusted = np.minimum(1.0, tests.p_values / share)
            for one, p_value in zip(active, adjusted.tolist(), strict=True):
                one.p_value, one.eliminated = p_value, p_value < SIGNIFICANCE
            kept = [one for one in active if not one.eliminated]
            ends = len(kept) == 1 or number == len(plan.rounds) - 1
            finished = [one for one in active if one.eliminated or ends]
            with progress_bar(len(finished), name="scoring", unit="candidate", shown=verbose) as bar:
                for one in finished:
                    one.finish(networks[one.network].take(one.view, places), judged)
                    bar.update()
        if ends:
            warnings = chance_warnings(right[[one in kept for one in active]], judged.truth, **design)
            resolution = resolution_of(tests, SIGNIFICANCE * share) if len(kept) > 1 else None
            break
        active = kept
    processor = describe_processor(first.device)
    failures = _failures(networks)
    return RankingResult(
        candidates=_ranked(candidates, costs),
        n_images=len(data),
        classes=data.classes,
        rounds=held,
        majority=float(np.bincount(judged.truth).max() / len(judged.truth)),
        protocol=_protocol(plan, held),
        processor=processor,
        n_embedded=sum(network.n_embedded for network in networks.values()),
        n_forwarded=sum(network.n_forwarded for network in networks.values()),
        n_timed=sum(cost.n_forwarded for cost in costs.values()),
        n_full=len(data) * len(networks),
        resolution=resolution,
        warnings=warnings,
        failures=[Failure(int(whole[last[f.index]]), f.name, f.reason) for f in failures],
        notes=plan.data.notes,
        seconds=seconds,
    )


@dataclass(eq=False)
class _Candidate:
    """A view of a network, and what was found of it so far."""

    network: str
    view: View
    accuracies: list[float] = field(default_factory=list)
    predicted: np.ndarray = field(default_factory=lambda: np.empty(0))
    p_value: float = 1.0
    eliminated: bool = False
    width: int = 0
    n_images: int = 0
    figures: dict[str, Estimate] = field(default_factory=dict)

    def finish(self, X: np.ndarray, rows: JudgedRows) -> None:
        """Compute the figures of the last round in which it takes part."""
        self.n_images, self.width = X.shape
        evidence, separation = transferability_scores(X, rows)
        self.figures = {
            "accuracy": accuracy_of(self.predicted, rows),
            "knn_accuracy": accuracy_of(predict_rows("knn", X, rows), rows),
            "log_evidence": evidence,
            "h_score": separation,
        }


def _ranked(candidates: Sequence[_Candidate], costs: dict[tuple[str, str], NetworkCost]) -> list[RankedCandidate]:
    """Return the results of all candidates, those that took part longest first."""
    order = sorted(candidates, key=lambda one: (one.eliminated, -len(one.accuracies), -one.accuracies[-1]))
    cost = [costs[one.network, one.view.layer] for one in order]
    front = front_of([one.accuracies for one in order], [each.seconds for each in cost])
    kept = [place for place, one in enumerate(order) if not one.eliminated]
    cheapest = choose_cheapest(
        [order[place].accuracies[-1] for place in kept], [cost[place].seconds for place in kept], margin=MARGIN
    )
    return [
        RankedCandidate(
            backbone=one.network,
            layer=one.view.layer,
            pooling=one.view.pooling,
            width=one.width,
            n_images=one.n_images,
            **one.figures,
            p_value=one.p_value,
            undistinguished=not one.eliminated,
            on_front=front[place],
            recommended=place == kept[cheapest],
            seconds=cost[place].seconds,
            parameters=cost[place].parameters,
            weight_bytes=cost[place].weight_bytes,
        )
        for place, one in enumerate(order)
    ]


def _protocol(plan: RankingPlan, held: Sequence[int]) -> str:
    grouped = ", whole groups on one side" if plan.data.dataset.groups is not None else ""
    images = " and ".join(f"{n:,}" for n in held)
    return f"{HEAD} regression on {images} images, {REPEATS} x nested {plan.cv}-fold cross-validation{grouped}"


def _failures(networks: dict[str, EmbeddedRows]) -> list[Failure]:
    """Return the images that some network could not read, each once, by their places in the last round."""
    found = {failure.index: failure for network in networks.values() for failure in network.failures}
    return [found[place] for place in sorted(found)]


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - start
