"""Tables and sentences of an audit: near-duplicates, leaks, wrong labels, odd images, shortcuts and their cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.names import quoted
from ..display.quantities import count_text, percent_text
from ..display.tables import CLASS_NAMES, FILE_NAMES, Part, Table
from ..evaluation.estimates import Estimate
from ..evaluation.paired import SIGNIFICANCE

if TYPE_CHECKING:
    from ..audit.accuracy_cost import AccuracyCost
    from ..audit.duplicates import DuplicatePair
    from ..audit.result import AuditResult

__all__ = ["audit_parts", "nothing_found"]

# Rows of a table.
MOST = 10
# What predicts the class, in the warning.
CAUSES = {
    "file size": "the size of the file",
    "image size": "width and height",
    "mean colour": "the mean red, green and blue",
    "file format": "format and colour mode",
}


def audit_parts(result: AuditResult) -> list[Part]:
    """Return the tables and sentences of an audit.

    Parameters
    ----------
    result : AuditResult
    """
    return [
        *_duplicates(result),
        *_similar(result),
        *_labels(result),
        *_odd(result),
        *_shortcuts(result),
        *map(_cost, result.costs),
        *result.notes,
        _closing(result),
    ]


def _duplicates(result: AuditResult) -> list[Part]:
    if not result.pairs:
        return ["near-duplicates: none found"]
    split = result.dataset.split
    kinds = Counter(pair.kind for pair in result.pairs)
    different = Counter(pair.kind for pair in result.contradictions)
    across = Counter(pair.kind for pair in result.leaks)
    header = ["pairs", "all", "labels differ", *(["across the split"] if split is not None else [])]
    rows = [
        [kind, f"{n:,}", f"{different[kind]:,}", *([f"{across[kind]:,}"] if split is not None else [])]
        for kind, n in kinds.most_common()
    ]
    worst = sorted(
        result.pairs,
        key=lambda p: (p not in result.leaks, p not in result.contradictions, -p.similarity),
    ) if len(result.pairs) <= 1000 else [*result.leaks, *result.contradictions, *result.pairs]  # fmt: skip
    n_groups = sum(n > 1 for n in Counter(result.groups.tolist()).values())
    groups = count_text(n_groups, "group")
    title = f"{count_text(len(result.pairs), 'pair')} of images that show the same picture or nearly so, in {groups}"
    table = Table(header, rows, right=range(1, len(header)), title=title)
    return [table, _pairs_listed(result, list(dict.fromkeys(worst)), "same as")]


def _similar(result: AuditResult) -> list[Part]:
    """Return what is said of pairs that may be one object twice, or two of one design: only eyes can tell."""
    if not result.similar:
        return []
    n = len(result.similar)
    text = (
        f"similar: {count_text(n, 'pair')} much alike whose detail differs; {'it is' if n == 1 else 'they are'} not "
        "counted as near-duplicates. If they show the same objects, as two photographs do, count them by "
        "`--count-similar`"
    )
    return [text, _pairs_listed(result, sorted(result.similar, key=lambda pair: -pair.similarity), "similar to")]


def _pairs_listed(result: AuditResult, pairs: Sequence[DuplicatePair], heading: str) -> Table:
    labels, split = result.dataset.labels, result.dataset.split

    def place(row: int) -> str:
        part = "" if split is None else f" ({split[row]})"
        return f"{'' if labels is None else labels[row]}{part}"

    def cells(pair: DuplicatePair) -> list[str]:
        names = result.dataset.names
        alike = "" if pair.kind == "copy" else f"{pair.similarity:.3f}"
        return [names[pair.first], place(pair.first), names[pair.second], place(pair.second), pair.kind, alike]

    return _listed(
        ["image", "class", heading, "class", "kind", "alike"],
        pairs,
        cells,
        names={0: FILE_NAMES, 2: FILE_NAMES, 1: CLASS_NAMES, 3: CLASS_NAMES},
        what="pair",
        right=[5],
    )


def _labels(result: AuditResult) -> list[Part]:
    if result.accuracy is None:
        return []
    # Of the images that could be read.
    n = len(result.dataset) - sum(one.kind == "unreadable" for one in result.odd)
    accuracy = percent_text(result.accuracy)
    text = f"labels: {len(result.suspects):,} of {n:,} suspected, by a cross-validation with accuracy {accuracy}"
    if result.expected_wrong is not None:
        share = percent_text(result.expected_wrong / n)
        text += f"; about {result.expected_wrong:,.0f} expected to be wrong ({share}; an estimate without interval)"
    if not result.suspects:
        return [text]
    if result.expected_wrong is None:
        text += "; at this accuracy most of these labels may be right, so look at each before changing it"
    table = _listed(
        ["image", "label", "probably", "probability", "of the label"],
        result.suspects,
        lambda one: [
            result.dataset.names[one.row],
            one.label,
            one.suggested,
            f"{one.probability:.3f}",
            f"{one.label_probability:.3f}",
        ],
        names={0: FILE_NAMES, 1: CLASS_NAMES, 2: CLASS_NAMES},
        what="suspect",
        right=[3, 4],
    )
    return [text, table]


def _odd(result: AuditResult) -> list[Part]:
    if not result.odd:
        return ["odd images: none found"]
    counts, labels = Counter(one.kind for one in result.odd), np.asarray(result.dataset.labels)
    # One of each kind first.
    firsts = [next(one for one in result.odd if one.kind == kind) for kind in counts]
    rest = [one for one in result.odd if one not in firsts]
    table = _listed(
        ["image", "class", "kind", "why"],
        [*firsts, *rest],
        lambda one: [
            result.dataset.names[one.row],
            str(labels[one.row]),
            one.kind,
            one.text,
        ],
        names={0: FILE_NAMES, 1: CLASS_NAMES},
        what="image",
    )
    return ["odd images: " + ", ".join(_odd_counted(kind, n) for kind, n in counts.items()), table]


def _odd_counted(kind: str, n: int) -> str:
    """Return so many odd images of a kind as one says it; most kinds are adjectives."""
    if kind == "outlier":
        return count_text(n, kind)
    return f"{n:,} of an odd {kind}" if kind in ("shape", "colour mode") else f"{n:,} {kind}"


def _shortcuts(result: AuditResult) -> list[Part]:
    if not result.shortcuts:
        return []
    rows = [
        [
            one.by,
            percent_text(one.accuracy),
            percent_text(one.majority),
            _points(one.difference),
            "yes" if one.found else "no",
        ]
        for one in result.shortcuts
    ]
    table = Table(["predicted from", "accuracy", "largest class", "points more", "above chance"], rows, right=[1, 2])
    if not (found := [CAUSES[one.by] for one in result.shortcuts if one.found]):
        return [table]
    return [
        table,
        f"warning: the class is predicted better than chance from {'; from '.join(found)} alone; a network may learn "
        "that instead of what the images show, unless it belongs to the subject",
    ]


def _cost(cost: AccuracyCost) -> str:
    if cost.what == "leakage":
        if not cost.left_out:
            return f"accuracy: {percent_text(cost.before)}, none of it by near-duplicates of test images"
        judged = f"({count_text(cost.n_test, 'test image')}; {_decided(cost)})"
        # Fewer training images change the accuracy by chance too. Of few test images the exact test needs more to show
        # a difference than the interval does.
        if cost.difference.has_interval and cost.difference.low > 0 and cost.p_value < SIGNIFICANCE:
            return (
                f"accuracy: of your {percent_text(cost.before)}, {_points(cost.difference)} points are leakage {judged}"
            )
        return (
            f"accuracy: {percent_text(cost.before)}, without near-duplicates of test images in training "
            f"{percent_text(cost.after)}; a leakage of {_points(cost.difference)} points cannot be told from none "
            f"{judged}"
        )
    if not cost.left_out:
        return "accuracy: no suspected label among the training images"
    return (
        f"accuracy: without suspects in training {percent_text(cost.after)} in place of {percent_text(cost.before)}, "
        f"a change of {_points(cost.difference)} points on the same test images as labelled ({_decided(cost)})"
    )


def _decided(cost: AccuracyCost) -> str:
    return f"p {'< 0.001' if cost.p_value < 0.001 else f'= {cost.p_value:.3f}'}"


def _points(difference: Estimate) -> str:
    """Return a difference in points, with its interval where there is one."""
    text = f"{100 * difference.value:.1f}"
    if not difference.has_interval:
        return text
    return f"{text} ({100 * difference.low:.1f} to {100 * difference.high:.1f})"


def _closing(result: AuditResult) -> str:
    if result.pairs and result.groups_file:
        command = f"featx fit {quoted(result.groups_file)} -o model.skops"
        return f"next: `{command}` keeps near-duplicates on one side of every split"
    if result.pairs and result.can_write_groups:
        return "next: `--write-groups FILE.csv` writes a manifest that keeps near-duplicates on one side of every split"
    return "something to look at was found" if result.found else nothing_found(result)


def nothing_found(result: AuditResult) -> str:
    """Return that nothing was found, and what was not looked at."""
    if not result.not_checked:
        return "nothing was found"
    return f"nothing was found in what was checked; not checked: {', '.join(result.not_checked)}"


def _listed(
    header: Sequence[str],
    found: Sequence[Any],
    cells: Callable[[Any], list[str]],
    *,
    names: dict[int, str],
    what: str,
    right: Sequence[int] = (),
) -> Table:
    left = len(found) - MOST
    more = count_text(left, f"more {what}") if left > 0 else ""
    return Table(header, [cells(one) for one in found[:MOST]], names=names, right=right, more=more)
