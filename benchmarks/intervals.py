"""Simulate the coverage of 95 % confidence intervals, before and now.

    python benchmarks/intervals.py                  # the whole table, some minutes on one core
    python benchmarks/intervals.py --simulations 200
    python benchmarks/intervals.py --only ranking --only decisions

Test sets are drawn from populations whose figures are known: confusion matrices of 2 to 10 classes for balanced
accuracy and macro F1, probabilities of calibrated and miscalibrated models for log loss and the calibration error,
groups that differ in difficulty, and repeated splits. "Before" is what featx printed until then: percentiles of
bootstrap resamples of images or groups. A row gives the worst and the mean coverage over its settings, and the share of
settings below 0.92 (0.90 with groups); "printed" is the share of test sets with an interval, and coverage is of these.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from featx.evaluation.calibration import debiased_calibration_error, error_if_calibrated, expected_calibration_error
from featx.evaluation.intervals import (
    class_mean_interval,
    grouped_accuracy_interval,
    grouped_class_mean_interval,
    log_loss_interval,
    per_class_error,
    wilson_interval,
)
from featx.evaluation.metric_names import RANKING_METRICS
from featx.evaluation.operating_point import OperatingPoint
from featx.evaluation.ranking import average_precision_interval, roc_auc_interval, score_ranking
from featx.evaluation.reached_point import judge_point
from featx.evaluation.resampled import corrected_interval
from featx.evaluation.thresholds import ChosenThreshold

IMAGES, CLASSES, ACCURACIES = (40, 150, 400, 1000), (2, 3, 5, 10), (0.6, 0.85, 0.95, 0.99, 0.994)
RESAMPLES = 200
CLIP = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Population:
    """Classes with their shares, and how often each is taken for each.

    Attributes
    ----------
    shares : ndarray, shape (k,)
    rates : ndarray, shape (k, k)
        Rows sum to 1.
    drawn : bool
        Whether the numbers of images of the classes are drawn, too, or are the same in every test set.
    name : str
    """

    shares: np.ndarray
    rates: np.ndarray
    drawn: bool
    name: str

    def matrices(self, rng: np.random.Generator, n: int, simulations: int) -> np.ndarray:
        """Return confusion matrices, shape (simulations, k, k)."""
        counts = (
            rng.multinomial(n, self.shares, simulations) if self.drawn else np.tile(self.counts(n), (simulations, 1))
        )
        return np.stack([rng.multinomial(counts[:, c], row) for c, row in enumerate(self.rates)], 1).astype(float)

    def counts(self, n: int) -> np.ndarray:
        """Return the numbers of images that are nearest to the shares."""
        counts = np.floor(n * self.shares).astype(int)
        counts[np.argsort(counts - n * self.shares)[: n - counts.sum()]] += 1
        return counts

    def truth(self, figure: str, n: int) -> float:
        """Return what the figure is in the population."""
        joint = (self.shares if self.drawn else self.counts(n) / n)[:, None] * self.rates
        parts = np.diag(joint) * 1e9, joint.sum(1) * 1e9, joint.sum(0) * 1e9
        return float(np.diag(self.rates).mean()) if figure == "balanced_accuracy" else float(
            1 - per_class_error(*parts, metric=figure).mean()
        )  # fmt: skip


def shares_of(k: int, balanced: bool) -> np.ndarray:
    """Return equal shares, 90/10, 90/8/2, or a long tail in which the largest class is 50 times the smallest."""
    if balanced:
        return np.full(k, 1 / k)
    tail = {2: np.array([0.9, 0.1]), 3: np.array([0.9, 0.08, 0.02])}.get(k)
    tail = 50.0 ** (-np.arange(k) / (k - 1)) if tail is None else tail
    return tail / tail.sum()


def populations(k: int, accuracy: float) -> Iterator[Population]:
    """Yield populations of that accuracy: errors spread evenly, mostly of rare classes, or between two classes only."""
    for balanced, drawn in itertools.product((True, False), (True, False)):
        shares = shares_of(k, balanced)
        pairs = [(0, 1)] if balanced else [(0, 1), (k - 1, 0)]
        kinds = [("even", np.full(k, 1 - accuracy), np.ones((k, k)))]
        rare = shares**-0.5
        kinds.append(("rare", (1 - accuracy) * rare / (shares * rare).sum(), np.tile(shares, (k, 1))))
        for a, b in pairs:
            errors, towards = np.zeros(k), np.zeros((k, k))
            errors[[a, b]] = (1 - accuracy) / (shares[a] + shares[b])
            towards[a, b] = towards[b, a] = 1
            kinds.append((f"between {a} and {b}", errors, towards))
        for kind, errors, towards in kinds:
            if errors.max() > 0.95:
                continue
            np.fill_diagonal(towards, 0)
            rates = errors[:, None] * towards / np.maximum(towards.sum(1, keepdims=True), 1e-12)
            np.fill_diagonal(rates, 1 - errors)
            name = (
                f"{k} classes, {'balanced' if balanced else 'uneven'}, {'drawn' if drawn else 'fixed'}, errors {kind}"
            )
            yield Population(shares, rates, drawn, name)


@dataclass(frozen=True)
class Setting:
    """A figure, the method of its interval, and a population whose figure is known.

    Attributes
    ----------
    figure, method, name : str
    truth : float
    draw : callable of (generator, simulations)
        Gives the ends of the intervals of so many test sets; NaN where none is printed.
    """

    figure: str
    method: str
    name: str
    truth: float
    draw: Callable[[np.random.Generator, int], tuple[Any, Any]]

    @property
    def limit(self) -> float:
        """The coverage that is promised."""
        return 0.9 if "groups" in self.figure else 0.92

    def simulate(self, rng: np.random.Generator, simulations: int) -> tuple[float, float, float]:
        """Return the coverage of the printed intervals, their mean width, and the share of test sets that have one."""
        low, high = (np.asarray(end, dtype=float) for end in self.draw(rng, simulations))
        printed = ~(np.isnan(low) | np.isnan(high))
        low, high = low[printed], high[printed]
        if not len(low):
            return np.nan, np.nan, 0.0
        held = (low <= self.truth + 1e-12) & (self.truth <= high + 1e-12)
        return float(held.mean()), float((high - low).mean()), float(printed.mean())


def report(settings: Iterable[Setting], rng: np.random.Generator, simulations: int) -> str:
    """Simulate all settings and return the table and the worst of them."""
    rows: dict[tuple[str, str], list[tuple[float, float, float, Setting]]] = {}
    for setting in settings:
        # The bootstrap takes its time; its coverage is far enough from what was promised for fewer test sets.
        number = max(20, simulations // 10) if setting.method.startswith("before:") else simulations
        held, width, printed = setting.simulate(rng, number)
        if printed * number >= 20:
            rows.setdefault((setting.figure, setting.method), []).append((held, width, printed, setting))
    head = f"{'settings':>9}{'worst':>7}{'mean':>7}{'below':>7}{'width':>8}{'printed':>9}"
    lines = [f"{'figure':26}{'interval':34}{head}"]
    for (figure, method), found in rows.items():
        held, width, printed = np.array([row[:3] for row in found]).T
        below = np.mean(held < found[0][3].limit)
        lines.append(
            f"{figure:26}{method:34}{len(found):9}{held.min():7.2f}{held.mean():7.2f}{below:7.0%}"
            f"{width.mean():8.3f}{printed.mean():9.2f}"
        )
    lines.append("\nthe worst settings now")
    for (figure, method), found in rows.items():
        if "now" in method:
            worst = min(found, key=lambda row: row[0])
            lines.append(f"{figure}: {worst[0]:.3f}, {worst[3].name}")
    return "\n".join(lines) + "\n"


def bootstrap(rng: np.random.Generator, matrices: np.ndarray, figure: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile interval that was printed before: resampled images are resampled cells of the matrix."""
    k, ends = matrices.shape[-1], []
    for matrix in matrices:
        n = int(matrix.sum())
        drawn = rng.multinomial(n, matrix.ravel() / n, RESAMPLES).reshape(-1, k, k)
        ends.append(np.percentile(_figure(drawn, figure), [2.5, 97.5]))
    low, high = np.array(ends).T
    value = _figure(matrices, figure)
    return np.minimum(low, value), np.maximum(high, value)


def _figure(matrices: np.ndarray, figure: str) -> np.ndarray:
    hits, actual, claimed = np.diagonal(matrices, axis1=-2, axis2=-1), matrices.sum(-1), matrices.sum(-2)
    occurs = actual > 0 if figure == "balanced_accuracy" else actual + claimed > 0
    return ((1 - per_class_error(hits, actual, claimed, metric=figure)) * occurs).sum(-1) / occurs.sum(-1)


def images() -> Iterator[Setting]:
    """Yield settings of accuracy, balanced accuracy and macro F1 of independent images."""
    for k, n, accuracy in itertools.product(CLASSES, IMAGES, ACCURACIES):
        for population in populations(k, accuracy):
            name = f"{n} images, {accuracy:.1%}, {population.name}"
            for figure in ("balanced_accuracy", "macro_f1"):
                truth = population.truth(figure, n)

                def before(rng, simulations, population=population, n=n, figure=figure):
                    return bootstrap(rng, population.matrices(rng, n, simulations), figure)

                def now(rng, simulations, population=population, n=n, figure=figure):
                    return class_mean_interval(population.matrices(rng, n, simulations), metric=figure)

                if population.name.endswith("even"):
                    yield Setting(figure, "before: bootstrap", name, truth, before)
                yield Setting(figure, "now: beta after Fay and Feuer", name, truth, now)
        yield Setting(
            "accuracy",
            "before and now: Wilson",
            f"{n} images, {accuracy:.1%}",
            accuracy,
            lambda rng, simulations, n=n, p=accuracy: wilson_interval(rng.binomial(n, p, simulations), n),
        )


def predictions(
    rng: np.random.Generator, shape: tuple[int, ...], k: int, margin: float, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return scaled scores of images whose true class is the first, as probabilities, and the loss of the worst class.

    Exactly calibrated for the kind "calibrated"; sharpened or flattened, or votes of 5 or 20 neighbours.
    """
    z = rng.normal(size=(*shape, k))
    z[..., 0] += margin
    z *= margin * {"flattened": 0.5, "sharpened": 3.0}.get(kind, 1.0)
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    if kind.endswith("neighbours"):
        votes = int(kind.split()[0])
        p = rng.multinomial(votes, p) / votes
    return p, -np.log(np.clip(p.min(-1), CLIP, None))


def margin_for(rng: np.random.Generator, k: int, accuracy: float) -> float:
    """Return the distance between classes at which so many images are right."""
    z, low, high = rng.normal(size=(200_000, k)), 0.0, 8.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if (z[:, 0] + middle > z[:, 1:].max(1)).mean() < accuracy else (low, middle)
    return low


def losses(rng: np.random.Generator) -> Iterator[Setting]:
    """Yield settings of log loss."""
    kinds = ("calibrated", "flattened", "sharpened", "5 neighbours", "20 neighbours")
    for k, accuracy in itertools.product((2, 10), ACCURACIES):
        margin = margin_for(rng, k, accuracy)
        for kind in kinds:
            truth = float(_losses(predictions(rng, (400_000,), k, margin, kind)[0]).mean())
            for n in IMAGES:

                def before(rng, simulations, n=n, k=k, margin=margin, kind=kind):
                    loss = _losses(predictions(rng, (simulations, n), k, margin, kind)[0])
                    rows = np.arange(simulations)[:, None, None]
                    means = loss[rows, rng.integers(0, n, (simulations, RESAMPLES, n))].mean(-1)
                    return np.percentile(means, [2.5, 97.5], axis=1)

                def now(rng, simulations, n=n, k=k, margin=margin, kind=kind):
                    p, most = predictions(rng, (simulations, n), k, margin, kind)
                    return log_loss_interval(_losses(p), most.max(-1))

                name = f"{n} images, {k} classes, {accuracy:.1%}, {kind}"
                yield Setting("log_loss", "before: bootstrap", name, truth, before)
                yield Setting("log_loss", "now: gamma of Fay and Feuer", name, truth, now)


def _losses(p: np.ndarray) -> np.ndarray:
    return -np.log(np.clip(p[..., 0], CLIP, None))


def calibration(rng: np.random.Generator, simulations: int) -> str:
    """Return what the calibration errors show on average, of a calibrated and of a sharpened model."""
    head = ("images", "true l1", "plain", "true l2", "debiased")
    lines = [f"{'model':14}{'classes':>8}" + "".join(f"{name:>10}" for name in head) + f"{'if calibrated':>15}"]
    for k, n, kind in itertools.product((2, 10), (150, 1000), ("calibrated", "sharpened")):
        margin, first = margin_for(rng, k, 0.85), np.zeros(n, dtype=int)
        population = predictions(rng, (400_000,), k, margin, kind)[0]
        everyone = np.zeros(len(population), dtype=int)
        found = []
        for _ in range(simulations):
            p = predictions(rng, (n,), k, margin, kind)[0]
            found.append(
                (expected_calibration_error(first, p), debiased_calibration_error(first, p), error_if_calibrated(p))
            )
        plain, debiased, expected = np.mean(found, axis=0)
        lines.append(
            f"{kind:14}{k:8}{n:10}{expected_calibration_error(everyone, population):10.3f}{plain:10.3f}"
            f"{debiased_calibration_error(everyone, population):10.3f}{debiased:10.3f}{expected:15.3f}"
        )
    return "\n".join(lines)


def groups() -> Iterator[Setting]:
    """Yield settings of groups that differ in difficulty, from not at all to all or nothing."""
    numbers, means, kinds = (5, 8, 15, 30, 50), (1, 4, 20), ("equal", "uneven", "one large")
    for number, mean, kind, accuracy, effect in itertools.product(
        numbers, means, kinds, (0.6, 0.85, 0.95, 0.99), (0.0, 0.05, 0.3, 1.0)
    ):
        how = (number, mean, kind, accuracy, effect)
        name = f"{number} groups of {mean}, {kind}, {accuracy:.0%}, correlation {effect}"

        def before(rng, simulations, how=how):
            sizes, rates = grouped_sizes(rng, simulations, *how)
            right, drawn = rng.binomial(sizes, rates), rng.integers(0, how[0], (simulations, RESAMPLES, how[0]))
            rows = np.arange(simulations)[:, None, None]
            return np.percentile(right[rows, drawn].sum(-1) / sizes[rows, drawn].sum(-1), [2.5, 97.5], axis=1)

        def now(rng, simulations, how=how):
            sizes, rates = grouped_sizes(rng, simulations, *how)
            return grouped_accuracy_interval(rng.binomial(sizes, rates), sizes)

        yield Setting("accuracy, groups", "before: bootstrap of groups", name, accuracy, before)
        yield Setting("accuracy, groups", "now: t over groups and Wilson", name, accuracy, now)
        if kind == "one large" or mean == 1 or accuracy in (0.85, 0.99):
            continue
        for (k, balanced), own in itertools.product([(2, True), (2, False), (3, False), (5, True)], (True, False)):
            shares = shares_of(k, balanced)
            more = f"{'balanced' if balanced else 'uneven'}, {'one class a group' if own else 'mixed'}"
            population = Population(shares, _even(k, accuracy), True, "")
            for figure in ("balanced_accuracy", "macro_f1"):

                def mean_now(rng, simulations, how=how, shares=shares, own=own, figure=figure):
                    sizes, rates = grouped_sizes(rng, simulations, *how)
                    return grouped_class_mean_interval(*grouped_counts(rng, sizes, rates, shares, own), metric=figure)

                truth = population.truth(figure, 1)
                method = "now: beta, jackknife of groups"
                yield Setting(f"{figure}, groups", method, f"{name}, {k} classes, {more}", truth, mean_now)


def grouped_sizes(
    rng: np.random.Generator, simulations: int, number: int, mean: int, kind: str, accuracy: float, effect: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of each group and its accuracy."""
    shape = (simulations, number)
    sizes = rng.geometric(1 / mean, shape) if kind == "uneven" else np.full(shape, mean)
    if kind == "one large":
        sizes[:, 0] *= number
    return sizes, difficulty(rng, shape, accuracy, effect)


def difficulty(rng: np.random.Generator, shape: tuple[int, ...], accuracy: float, effect: float) -> np.ndarray:
    """Return the accuracy in each group; the effect is the correlation of two images of a group."""
    if effect in (0, 1):
        return np.full(shape, accuracy) if not effect else (rng.random(shape) < accuracy).astype(float)
    total = 1 / effect - 1
    return rng.beta(accuracy * total, (1 - accuracy) * total, shape)


def _even(k: int, accuracy: float) -> np.ndarray:
    rates = np.full((k, k), (1 - accuracy) / (k - 1))
    np.fill_diagonal(rates, accuracy)
    return rates


def grouped_counts(
    rng: np.random.Generator, sizes: np.ndarray, rates: np.ndarray, shares: np.ndarray, own: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hits, images and claims of each class in each group; errors are spread evenly."""
    k = len(shares)
    weights = np.eye(k)[rng.choice(k, sizes.shape, p=shares)] if own else np.broadcast_to(shares, (*sizes.shape, k))
    actual = rng.multinomial(sizes, weights)
    hits = rng.binomial(actual, rates[..., None])
    claimed = hits.copy()
    for c in range(k):
        towards = np.where(np.arange(k) == c, 0, 1 / (k - 1))
        claimed += rng.multinomial(actual[..., c] - hits[..., c], towards)
    return hits, actual, claimed


def repeats() -> Iterator[Setting]:
    """Yield settings of the mean accuracy of random splits of the same images, a quarter of them tested in each."""
    for n, number, accuracy in itertools.product((40, 150, 400), (2, 3, 5, 10), ACCURACIES):
        for hard, shift in itertools.product((0.0, 0.5, 0.95), (0.0, 0.1)):

            def now(rng, simulations, how=(n, number, accuracy, hard, shift)):
                rows = {"n_train": how[0] - how[0] // 4, "n_test": how[0] // 4}
                ends = [corrected_interval(values, **rows) for values in simulate_repeats(rng, simulations, *how)]
                return [e.low for e in ends], [e.high for e in ends]

            name = f"{n} images, {accuracy:.1%}, share of an image in its errors {hard}, spread of models {shift}"
            yield Setting(f"accuracy, {number} repeats", "before and now: corrected t", name, accuracy, now)


def simulate_repeats(
    rng: np.random.Generator, simulations: int, n: int, number: int, accuracy: float, hard: float, shift: float
) -> np.ndarray:
    """Return accuracies, shape (simulations, repeats): images share `hard` of what makes them wrong in every repeat."""
    image, found = rng.normal(size=(simulations, n)), np.empty((simulations, number))
    for j in range(number):
        fit, model = rng.normal(size=(simulations, n)), rng.normal(size=(simulations, 1))
        score = (np.sqrt(hard) * image + np.sqrt(1 - hard) * fit + shift * model) / np.sqrt(1 + shift**2)
        tested = rng.random((simulations, n)).argsort(1) < n // 4
        found[:, j] = ((ndtr(score) < accuracy) & tested).sum(1) / (n // 4)
    return found


def class_scores(rng: np.random.Generator, kind: str, auc: float, own: np.ndarray) -> np.ndarray:
    """Return scores of images whose area under the ROC curve is about this.

    Normal; of twice the spread for one of the two kinds; with up to 10 % of the class, or 5 % of the others, drawn from
    the other kind, as wrong labels are; or votes of 5 or 20.
    """
    wide = 2.0 if kind.startswith("wide") else 1.0
    wrong = min(1 - auc, {"wrong labels": 0.1, "wrong others": 0.05}.get(kind, 0.0))
    inner = min((auc - wrong / 2) / (1 - wrong), 0.9999)
    distance = np.sqrt(1 + wide**2) * ndtri(inner)
    moved = own ^ ((rng.random(own.shape) < wrong) & (own if kind == "wrong labels" else ~own))
    spread = np.where(own if kind == "wide class" else ~own, wide, 1.0)
    found = rng.normal(size=own.shape) * spread + distance * moved
    return rng.binomial(int(kind.split()[0]), ndtr(found - distance / 2)) if kind.endswith("votes") else found


def ranking(rng: np.random.Generator) -> Iterator[Setting]:
    """Yield settings of the area under the ROC curve and average precision, of images and of groups."""
    kinds = ("normal", "wide class", "wide others", "wrong labels", "wrong others", "5 votes", "20 votes")
    intervals = {"roc_auc": roc_auc_interval, "average_precision": average_precision_interval}
    for kind, auc, share in itertools.product(kinds, (0.6, 0.8, 0.9, 0.97, 0.995), (0.5, 0.2, 0.05)):
        own = np.arange(400_000) < share * 400_000
        known = score_ranking(own, class_scores(rng, kind, auc, own))
        for n, drawn, figure in itertools.product(IMAGES, (True, False), RANKING_METRICS):

            def now(rng, simulations, kind=kind, auc=auc, share=share, n=n, drawn=drawn, figure=figure):
                ends = []
                for _ in range(simulations):
                    own = rng.random(n) < share if drawn else np.arange(n) < round(share * n)
                    enough = min(own.sum(), (~own).sum()) >= 10
                    scores = class_scores(rng, kind, auc, own)
                    ends.append(intervals[figure](own, scores) if enough else (np.nan, np.nan))
                return np.array(ends).T

            name = f"{n} images, {share:.0%} of the class, {'drawn' if drawn else 'fixed'}, {auc:.1%}, {kind}"
            yield Setting(figure, "now: logit and a score interval", name, known[figure].value, now)
    for number, mean, sizes, auc, share, effect, apart, figure in itertools.product(
        (5, 8, 15, 30, 50), (4, 20), ("equal", "uneven"), (0.7, 0.9, 0.98), (0.5, 0.15), (0.0, 0.5, 2.0), (True, False),
        RANKING_METRICS,
    ):  # fmt: skip
        how = (number, mean, sizes, auc, share, effect, apart)
        known = {"roc_auc": auc, "average_precision": _average_precision(auc, share)}

        def grouped(rng, simulations, how=how, figure=figure):
            ends = []
            for _ in range(simulations):
                found = _ranked_groups(rng, *how[:-1], apart=how[-1])[figure]
                ends.append((found.low, found.high))
            return np.array(ends).T

        name = (
            f"{number} {sizes} groups of {mean}, {share:.0%}, {auc:.0%}, effect {effect}, "
            f"{'a class each' if apart else 'mixed'}"
        )
        yield Setting(f"{figure}, groups", "now: logit and a score interval", name, known[figure], grouped)


@functools.cache
def _average_precision(auc: float, share: float) -> float:
    """Return that of normal scores, which are as far apart for their spread whatever part a group shares."""
    rng, own = np.random.default_rng(0), np.arange(400_000) < share * 400_000
    return score_ranking(own, rng.normal(size=len(own)) + np.sqrt(2) * ndtri(auc) * own)["average_precision"].value


def _ranked_groups(rng: np.random.Generator, *how: Any, apart: bool) -> Any:
    own, scores, groups = grouped_scores(rng, *how, apart=apart)
    return score_ranking(own, scores, units=groups)


def grouped_scores(
    rng: np.random.Generator,
    number: int,
    mean: int,
    sizes: str,
    auc: float,
    share: float,
    effect: float,
    *,
    apart: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which images are of the class, their scores and their groups, which are of one class each or mixed."""
    counts = rng.geometric(1 / mean, number) if sizes == "uneven" else np.full(number, mean)
    groups = np.repeat(np.arange(number), counts)
    own = rng.random(len(groups)) < share
    if apart:
        own = (rng.random(number) < share)[groups]
    shift = rng.normal(size=number)[groups] * effect
    # The distance between the kinds is that of the population, whatever groups are drawn.
    scores = rng.normal(size=len(groups)) + shift + np.sqrt(2 + 2 * effect**2) * ndtri(auc) * own
    return own, scores, groups


def decisions() -> Iterator[Setting]:
    """Yield settings of sensitivity, precision and cost at a threshold, of images and of groups."""
    names = ("sensitivity", "precision")
    for n, share, sensitivity, specificity in itertools.product(
        IMAGES, (0.5, 0.2, 0.05), (0.8, 0.95, 0.99), (0.5, 0.9, 0.99)
    ):
        rates = (share, sensitivity, specificity)
        flagged = share * sensitivity + (1 - share) * (1 - specificity)
        truths = {"sensitivity": sensitivity, "precision": share * sensitivity / flagged}
        for figure in names:
            draw = _reached(figure, n, rates, (1.0, 1.0))
            yield Setting(figure, "now: Clopper and Pearson", f"{n} images, {rates}", truths[figure], draw)
        for costs in ((1.0, 1.0), (5.0, 1.0), (100.0, 1.0)):
            truth = costs[0] * share * (1 - sensitivity) + costs[1] * (1 - share) * (1 - specificity)
            name = f"{n} images, {rates}, {costs[0]:g}:{costs[1]:g}"
            yield Setting("cost", "now: gamma of Fay and Feuer", name, truth, _reached("cost", n, rates, costs))
    for number, mean, kind, rate, effect, share in itertools.product(
        (5, 8, 15, 30, 50), (4, 20), ("equal", "uneven"), (0.6, 0.85, 0.95, 0.99), (0.0, 0.05, 0.3, 1.0), (0.5, 0.15)
    ):
        how = (number, mean, kind, rate, effect)

        def grouped(rng, simulations, how=how, share=share):
            ends = []
            for sizes, rates in zip(*grouped_sizes(rng, simulations, *how), strict=True):
                groups = np.repeat(np.arange(how[0]), sizes)
                own = rng.random(len(groups)) < share
                found = _judged(own, own & (rng.random(len(groups)) < rates[groups]), (1.0, 1.0), groups)["sensitivity"]
                ends.append((found.low, found.high))
            return np.array(ends).T

        name = f"{number} {kind} groups of {mean}, {share:.0%} of the class, {rate:.0%}, correlation {effect}"
        yield Setting("sensitivity, groups", "now: t over groups and Wilson", name, rate, grouped)


def _reached(figure: str, n: int, rates: tuple[float, float, float], costs: tuple[float, float]) -> Callable[..., Any]:
    """Return the draws of intervals at a threshold, from the share of the class, sensitivity and specificity."""
    share, sensitivity, specificity = rates

    def draw(rng: np.random.Generator, simulations: int) -> np.ndarray:
        ends = []
        for _ in range(simulations):
            own = rng.random(n) < share
            found = _judged(own, rng.random(n) < np.where(own, sensitivity, 1 - specificity), costs)[figure]
            ends.append((found.low, found.high))
        return np.array(ends).T

    return draw


def _judged(own: np.ndarray, flagged: np.ndarray, costs: tuple[float, float], units: np.ndarray | None = None) -> Any:
    point = OperatingPoint("cost", np.nan, *costs, "cost")
    chosen = ChosenThreshold(0.5, {}, [])
    return judge_point(own, flagged, point, chosen, positive="", thresholds=[0.5], units=units).reached


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=400, help="test sets of each setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="losses, groups, repeats, images, ranking, decisions")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    parts = {
        "losses": losses(rng),
        "groups": groups(),
        "repeats": repeats(),
        "images": images(),
        "ranking": ranking(rng),
        "decisions": decisions(),
    }
    for name, settings in parts.items():
        if not options.only or name in options.only:
            print(report(settings, rng, options.simulations), flush=True)
    if not options.only:
        print(calibration(rng, options.simulations // 4))


if __name__ == "__main__":
    main()
