"""Promised: the four cases of transfer learning have their rules, and agreement is claimed only where it was shown."""

import pytest

from comparisons import COMPARED, case_of, verdict_of
from featx.comparison.transfer_cases import LARGE_PER_CLASS as LARGE


@pytest.mark.parametrize(
    ("n_train", "domain", "size", "advice", "following"),
    [
        (2 * LARGE - 2, "similar", "small", "last stage", ["f", "e"]),
        (2 * LARGE - 2, "different", "small", "earlier stage (frozen@stage2)", ["e"]),
        (2 * LARGE - 2, "undecided", "small", "frozen features; which stage is open", ["f", "e"]),
        (2 * LARGE, "similar", "large", "fine-tuning the whole network;", ["t"]),
        (2 * LARGE, "different", "large", "fine-tuning the whole network, or training from scratch", ["t", "s"]),
        (2 * LARGE, "undecided", "large", "fine-tuning the whole network;", ["t"]),
    ],
)
def test_the_four_cases_of_transfer(n_train, domain, size, advice, following):
    case = case_of(domain, n_train, verdict_of("use", following[0]))
    assert (case.size, case.domain, case.following, case.agreement) == (size, domain, following, "agrees")
    assert advice in case.text
    assert ("undecided domain" in case.text) is (domain == "undecided")
    assert case.text.endswith("the comparison agrees")


@pytest.mark.parametrize(
    ("verdict", "agreement", "words"),
    [
        (verdict_of("use", "t"), "agrees", "agrees"),
        (verdict_of("use", "f", worse=["t", "u", "s"]), "disagrees", "says otherwise"),
        # As good and cheaper is no proof that the rule is wrong.
        (verdict_of("use", "f", worse=["s", "u"]), "undecided", "cannot tell"),
        (verdict_of("equal", "f", equal=["t"]), "agrees", "agrees"),
        (verdict_of("equal", "f", equal=["e"], worse=["u", "t"]), "disagrees", "says otherwise"),
        # What to take meanwhile is no finding.
        (verdict_of("undecided", "t", undecided=["t", "f"]), "undecided", "cannot tell"),
        (verdict_of("undecided", "f", equal=["t"], undecided=["t", "f", "e"]), "undecided", "cannot tell"),
        (verdict_of("undecided", "f", worse=["s"], undecided=["t", "f"]), "undecided", "cannot tell"),
        (verdict_of("undecided", "f", worse=["t", "u", "s"], undecided=["e", "f"]), "disagrees", "says otherwise"),
        # Undecided between two that both follow the rule.
        (verdict_of("undecided", "t", worse=["f", "e", "s"], undecided=["t", "u"]), "agrees", "agrees"),
    ],
)
def test_the_comparison_agrees_with_a_rule_says_otherwise_or_cannot_tell(verdict, agreement, words):
    case = case_of("similar", 2 * LARGE, verdict, {**COMPARED, "u": ("finetuned", None)})
    assert (case.agreement, case.text.rpartition("; the comparison ")[2]) == (agreement, words)


def test_a_rule_that_none_or_all_follow_is_not_tried():
    none = case_of("similar", 2, verdict_of("use", "x"), {"x": ("other", None)})
    assert (none.agreement, none.text.rpartition("; ")[2]) == (
        "no follower", "no strategy that was compared follows it"
    )  # fmt: skip
    every = case_of("similar", 2, verdict_of("use", "f"), {"f": ("frozen", "head"), "e": ("frozen", "stage1")})
    assert (every.agreement, every.text.rpartition("; ")[2]) == (
        "no rival", "only strategies that follow it were compared"
    )  # fmt: skip
