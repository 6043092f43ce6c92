"""Simulate how often `compare` returns each of its verdicts, and how often it is wrong.

Images are drawn with a difficulty that the strategies share in part, and each split adds noise of its own to every
decision and to every trained model. Verdicts, pairs and their tests are those of featx.

    python benchmarks/verdicts.py [--sims 400]
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import click
import numpy as np
from scipy.stats import norm

from featx.comparison.choice import Choice, ComparedStrategies, choose
from featx.comparison.repeats import Repeat
from featx.comparison.size_result import StrategyResult
from featx.comparison.strategy_pairs import PairResult, adjust_pairs
from featx.comparison.summary import SummaryStatistics, pair_result
from featx.comparison.verdict import SampleSizes, pass_verdict
from featx.evaluation.estimates import Estimate

# Variances of the score of an image: shared by the strategies; of one strategy; of one decision of one fitted model;
# and of a fitted model, for all images. At an accuracy of 88 % a fitted model is off by 0.7 points.
NETWORKS = (0.6, 0.25, 0.14875, 0.00125)
HEADS = (0.96, 0.02, 0.0198, 0.0002)
SEVERAL = {
    "3 equal": ([0.88] * 3, [10, 60, 400]),
    "2 equal, 1 worse by 2": ([0.88, 0.88, 0.86], [400, 60, 10]),
    "3 in steps of 1, the worst the cheapest": ([0.88, 0.87, 0.86], [400, 60, 10]),
    "6, five worse by 2 and cheaper": ([0.88] + [0.86] * 5, [400, 10, 10, 10, 10, 10]),
    "1 better by 5 and dearer, 2 equal": ([0.88, 0.83, 0.83], [400, 60, 10]),
}
MARGIN = 0.01
DEAR, CHEAP = 400.0, 10.0


class Runs:
    """What strategies of known accuracy got right on random quarters of one data set; more quarters can be drawn."""

    def __init__(
        self, rng: np.random.Generator, accuracies: Sequence[float], n_test: int, parts: Sequence[float] = NETWORKS
    ) -> None:
        shared, own, self.decision, self.model = np.sqrt(parts)
        self.rng, self.n_test, self.n = rng, n_test, 4 * n_test
        self.thresholds = -norm.ppf(accuracies)
        scores = shared * rng.normal(size=self.n)
        self.scores = scores + own * rng.normal(size=(len(accuracies), self.n))
        self.plan: list[Repeat] = []
        self.right: dict[str, list[np.ndarray]] = {f"s{i}": [] for i in range(len(accuracies))}

    def extended(self, repeats: int) -> Runs:
        """Draw splits until there are so many."""
        while len(self.plan) < repeats:
            rows = self.rng.permutation(self.n)[: self.n_test]
            self.plan.append(Repeat(len(self.plan), rows, []))
            for i, right in enumerate(self.right.values()):
                noise = self.decision * self.rng.normal(size=self.n_test) + self.model * self.rng.normal()
                right.append(self.scores[i, rows] + noise > self.thresholds[i])
        return self

    def pairs(self) -> list[PairResult]:
        """Return the paired figures."""
        figures = SummaryStatistics(np.zeros(self.n, int), 2, None, self.plan, {}, 0)
        names = list(self.right)
        both = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        return adjust_pairs([pair_result(figures.tested, a, b, self.right) for a, b in both])

    def strategies(self, costs: Sequence[float]) -> list[StrategyResult]:
        """Return the single figures, as far as verdicts need them."""
        found = []
        for (name, right), cost in zip(self.right.items(), costs, strict=True):
            accuracy = Estimate(float(np.mean([some.mean() for some in right])))
            seconds = {"extraction": 0.0, "training": cost, "prediction": 0.0}
            found.append(StrategyResult(name, "other", accuracy, accuracy, [], None, None, seconds))
        return found

    def choice(self, costs: Sequence[float], margin: float = MARGIN) -> Choice:
        """Return which strategy to use."""
        return choose(ComparedStrategies(self.strategies(costs), self.pairs(), margin))


def count_answers(
    accuracies: Sequence[float],
    costs: Sequence[float],
    *,
    n_test: int,
    repeats: int,
    sims: int,
    parts: Sequence[float] = NETWORKS,
    seed: int = 0,
) -> SimpleNamespace:
    """Return the share of each answer, and of those that are wrong.

    ``wrong`` counts answers for a strategy that is truly worse than the best by more than the margin; ``meanwhile``
    counts advice for such a one while it is undecided; ``given_away`` the verdicts, of any kind, for a figure that is
    lower than the best by more than the margin.
    """
    rng = np.random.default_rng([seed, n_test, repeats, *(round(1e4 * accuracy) for accuracy in accuracies)])
    count = dict.fromkeys(["use", "equal", "undecided", "wrong", "meanwhile", "given_away"], 0)
    for _ in range(sims):
        runs = Runs(rng, accuracies, n_test, parts).extended(repeats)
        found = runs.choice(costs)
        count[found.answer] += 1
        bad = max(accuracies) - accuracies[int(found.use[1:])] > MARGIN + 1e-9
        count["meanwhile" if found.answer == "undecided" else "wrong"] += bad
        figures = {s.strategy: s.accuracy.value for s in runs.strategies(costs)}
        count["given_away"] += max(figures.values()) - figures[found.use] > MARGIN + 1e-9
    return SimpleNamespace(**{name: number / sims for name, number in count.items()})


def follow_advice(
    accuracies: Sequence[float], *, n_test: int, repeats: int, sims: int, seed: int = 0
) -> tuple[float, float]:
    """Return how often so many more repeats are advised, and how often these then decide."""
    rng = np.random.default_rng([seed, n_test, repeats])
    advised = decided = 0
    for _ in range(sims):
        runs, costs = Runs(rng, accuracies, n_test).extended(repeats), [DEAR, CHEAP]
        sizes = SampleSizes(runs.n, n_test, repeats, runs.n - n_test, 100)
        verdict = pass_verdict(runs.strategies(costs), runs.pairs(), sizes=sizes, margin=MARGIN)
        if verdict.repeats_needed is not None:
            advised += 1
            decided += runs.extended(verdict.repeats_needed).choice(costs).answer != "undecided"
    return advised / sims, decided / max(1, advised)


@click.command()
@click.option("--sims", default=400, show_default=True)
def run(sims: int) -> None:
    """Print the tables."""
    print("| test images | repeats | true difference | cheaper | use | equal | undecided | wrong | meanwhile worse |")
    print("|---|---|---|---|---|---|---|---|---|")
    for n_test in (60, 250, 650):
        for repeats in (1, 3, 5, 10):
            for difference in (0.0, 0.005, 0.01, 0.02, 0.05):
                for cheaper, costs in (("worse", [DEAR, CHEAP]), ("better", [CHEAP, DEAR])):
                    if cheaper == "worse" or difference > 0.01:
                        found = count_answers(
                            [0.88, 0.88 - difference], costs, n_test=n_test, repeats=repeats, sims=sims
                        )
                        assert found.given_away == 0
                        print(
                            f"| {n_test} | {repeats} | {100 * difference:g} | {cheaper} | {found.use:.3f} | "
                            f"{found.equal:.3f} | {found.undecided:.3f} | {found.wrong:.3f} | {found.meanwhile:.3f} |",
                            flush=True,
                        )
    print("\n| heads on one network, test images | repeats | true difference | use | equal | undecided | wrong |")
    print("|---|---|---|---|---|---|---|")
    for n_test, repeats in ((650, 1), (650, 10), (2500, 1), (2500, 3), (2500, 10)):
        for difference in (0.0, 0.005, 0.01, 0.02):
            rows = {"n_test": n_test, "repeats": repeats, "sims": sims // 2, "parts": HEADS}
            found = count_answers([0.88, 0.88 - difference], [DEAR, CHEAP], **rows)
            print(
                f"| {n_test} | {repeats} | {100 * difference:g} | {found.use:.3f} | {found.equal:.3f} | "
                f"{found.undecided:.3f} | {found.wrong:.3f} |",
                flush=True,
            )
    print("\n| strategies | test images | repeats | use | equal | undecided | wrong |\n|---|---|---|---|---|---|---|")
    for name, (accuracies, costs) in SEVERAL.items():
        for n_test, repeats in ((60, 3), (250, 1), (650, 3), (650, 10)):
            found = count_answers(accuracies, costs, n_test=n_test, repeats=repeats, sims=sims // 2)
            assert found.given_away == 0
            print(
                f"| {name} | {n_test} | {repeats} | {found.use:.3f} | {found.equal:.3f} | {found.undecided:.3f} | "
                f"{found.wrong:.3f} |",
                flush=True,
            )
    print("\n| true difference | repeats | more repeats advised | these decided |\n|---|---|---|---|")
    for difference in (0.01, 0.02, 0.05):
        for repeats in (1, 3, 5):
            advised, decided = follow_advice([0.88, 0.88 - difference], n_test=250, repeats=repeats, sims=sims // 4)
            print(f"| {100 * difference:g} | {repeats} | {advised:.2f} | {decided:.2f} |", flush=True)


if __name__ == "__main__":
    run()
