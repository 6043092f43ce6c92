"""The four cases of transfer learning: a small or large data set, similar to the pretraining data or different.

Cases and rules are those of the notes on transfer learning of Stanford's CS231n (cs231n.github.io/transfer-learning).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..choices import StrategyKind
from ..display.records import Record
from .size_result import Verdict
from .stage_study import StageStudy

__all__ = ["LARGE_PER_CLASS", "TransferCase", "transfer_case"]

# A data set is called large from this number of images a class on. The notes name no number: this is a convention.
LARGE_PER_CLASS = 100


@dataclass(frozen=True, repr=False)
class Rule(Record):
    """The advice of the notes for one case, and the kinds of strategies that follow it."""

    advice: str
    kinds: tuple[StrategyKind, ...]


# If the domain is undecided, the rule is what the rules of both domains have in common.
RULES = {
    ("small", "similar"): Rule("frozen features of the last stage", ("frozen",)),
    ("small", "different"): Rule("frozen features of an earlier stage (frozen@{best})", ("frozen",)),
    ("small", "undecided"): Rule("frozen features; which stage is open", ("frozen",)),
    ("large", "similar"): Rule("fine-tuning the whole network", ("finetuned",)),
    ("large", "different"): Rule("fine-tuning the whole network, or training from scratch", ("finetuned", "scratch")),
    ("large", "undecided"): Rule("fine-tuning the whole network", ("finetuned",)),
}
FINDINGS = {
    "agrees": "the comparison agrees",
    "disagrees": "the comparison says otherwise",
    "undecided": "the comparison cannot tell",
    "no follower": "no strategy that was compared follows it",
    "no rival": "only strategies that follow it were compared",
}


@dataclass(frozen=True, repr=False)
class TransferCase(Record):
    """Which of the four cases a training size is, and whether the comparison agrees with its rule.

    Attributes
    ----------
    n_train : int
    per_class : float
        Images of a class, on average.
    size : {"small", "large"}
    domain : {"similar", "different", "undecided"}
    advice : str
        What the rule says; if the domain is undecided, what both rules have in common.
    following : list of str
        The strategies of the comparison that follow the rule.
    agreement : {"agrees", "disagrees", "undecided", "no follower", "no rival"}
        "agrees" if a follower is the strategy to use or equal to it within the margin, or if the verdict is undecided
        between followers alone; "disagrees" if every follower is distinguishably worse than some strategy. "no
        follower" if none was compared, "no rival" if nothing else was.
    text : str
        The case, its rule and the agreement in words.
    """

    n_train: int
    per_class: float
    size: str
    domain: str
    advice: str
    following: list[str]
    agreement: str
    text: str


def transfer_case(
    study: StageStudy,
    *,
    n_train: int,
    n_classes: int,
    strategies: Mapping[str, tuple[str, str | None]],
    verdict: Verdict,
) -> TransferCase:
    """Return which case a training size is, and whether the comparison agrees with its rule.

    Parameters
    ----------
    study : StageStudy
    n_train, n_classes : int
    strategies : mapping of str to (kind, layer)
        Of the comparison; the layer of frozen strategies, otherwise None.
    verdict : Verdict
        On these strategies at this size.
    """
    per_class = n_train / n_classes
    size = "large" if per_class >= LARGE_PER_CLASS else "small"
    rule = RULES[size, study.domain]
    advice = rule.advice.format(best=study.best)
    last = study.stages[-1].layer
    earlier_only = (size, study.domain) == ("small", "different")
    following = [
        name
        for name, (kind, layer) in strategies.items()
        if kind in rule.kinds and not (earlier_only and layer == last)
    ]
    agreement = _agreement(set(following), set(strategies), verdict)
    text = (
        f"{n_train:,} images, {per_class:,.0f} a class: {size} and {_domain(study.domain)}; the rule is {advice}; "
        f"{FINDINGS[agreement]}"
    )
    return TransferCase(n_train, per_class, size, study.domain, advice, following, agreement, text)


def _agreement(following: set[str], compared: set[str], verdict: Verdict) -> str:
    """Return what a verdict says about the strategies that follow a rule; what to use meanwhile does not count."""
    if not following:
        return "no follower"
    if following == compared:
        return "no rival"
    decided = {verdict.use, *verdict.equal} if verdict.answer != "undecided" else set()
    if following & decided or (verdict.undecided and following >= set(verdict.undecided)):
        return "agrees"
    return "disagrees" if following <= set(verdict.worse) else "undecided"


def _domain(domain: str) -> str:
    return "of an undecided domain" if domain == "undecided" else domain
