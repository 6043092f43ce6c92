"""The closing table of a comparison, a row for each strategy, and the table of images of each size before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..display.quantities import duration_text, percent_text
from ..display.tables import CLASS_NAMES, Part, Table

if TYPE_CHECKING:
    from ..comparison.images_needed import ImagesNeeded
    from ..comparison.part_counts import PartCounts
    from ..comparison.result import ComparisonResult
    from ..comparison.size_result import SizeResult, StrategyResult

__all__ = ["closing_parts", "counts_table"]

NOTHING = "-"


def counts_table(counts: Sequence[PartCounts]) -> Table:
    """Return the images of each size and their percentages: to train on, to validate on and to test on.

    Parameters
    ----------
    counts : sequence of PartCounts
    """
    validated = any(each.validation is not None for each in counts)
    header = ["size", "training", "%", *(["validation", "%"] if validated else []), "test", "%"]
    rows = []
    for each in counts:
        parts = [each.train, *([each.validation] if validated else []), each.test]
        cells = [cell for part in parts for cell in _cells(part, each.n_images)]
        rows.append([each.name or f"{each.pool:,} images", *cells])
        rows += [
            [f"  {strategy}", *_cells(n, each.n_images), *([NOTHING] * (len(cells) - 2))]
            for strategy, n in each.limited.items()
        ]
    title = f"of {counts[0].n_images:,} images"
    if validated and any(each.validation for each in counts):
        title += "; what is tuned by cross-validation has training and validation images together"
    if any(each.limited for each in counts):
        title += "; below a size the images of strategies that have fewer, to train and to validate on"
    return Table(header, rows, right=range(1, len(header)), names={0: CLASS_NAMES}, title=title)


def closing_parts(result: ComparisonResult) -> list[Part]:
    """Return the closing table of the largest size, and the images that each strategy needs.

    Parameters
    ----------
    result : ComparisonResult
    """
    needed = result.images_needed
    return [_closing(result.sizes[-1]), *([] if needed is None else [_needed_text(needed)])]


def _closing(size: SizeResult) -> Table:
    found = size.strategies
    columns: dict[str, list[str]] = {
        "network": [each.traits.network or NOTHING for each in found],
        "valid.": [_share(each.validation_accuracy) for each in found],
        "train": [_share(each.train_accuracy) for each in found],
        "test": [_share(each.accuracy.value) for each in found],
        "a class": [f"{each.per_class:,.0f}" for each in found],
        "size": [NOTHING if each.traits.image_size is None else str(each.traits.image_size) for each in found],
        "rate (head)": [_rates(each) for each in found],
        "epochs": [_epochs(each) for each in found],
        "time": [duration_text(each.cost) for each in found],
    }
    columns = {name: cells for name, cells in columns.items() if set(cells) != {NOTHING}}
    # What is the same for all is said once, above, where it leaves room for the rest.
    same = {}
    for name, words in (("network", "{}"), ("size", "{} pixels"), ("a class", "{} images a class")):
        if len(found) > 1 and len(set(columns.get(name, ()))) == 1:
            same[name] = words.format(columns.pop(name)[0])
    header = ["strategy", *columns]
    rows = [[each.strategy, *cells] for each, *cells in zip(found, *columns.values(), strict=True)]
    units = ["accuracies in %", *(["images a class"] if "a class" in columns else [])]
    units += ["size in pixels"] if "size" in columns else []
    units += ["epochs of warm-up + training"] if any(each.traits.warmup_epochs for each in found) else []
    title = f"in short, at {size.name}{', ' if size.name else ''}{size.n_train:,} images"
    title += f" ({', '.join(same.values())})" if same else ""
    drop = [header.index(name) for name in ("time", "network", "epochs", "train", "size") if name in header]
    right = [place for place, name in enumerate(header) if name not in ("strategy", "network", "rate (head)")]
    kinds = {place: CLASS_NAMES for place, name in enumerate(header) if name in ("strategy", "network")}
    return Table(header, rows, right=right, drop=drop, names=kinds, title=f"{title}; {', '.join(units)}")


def _needed_text(needed: ImagesNeeded) -> str:
    by_number: dict[int, list[str]] = {}
    for name, n in sorted(needed.images.items(), key=lambda item: item[1]):
        by_number.setdefault(n, []).append(name)
    each = "; ".join(f"{n:,} {', '.join(names)}" for n, names in by_number.items())
    return (
        f"images needed to reach {percent_text(needed.target)}, the accuracy of {needed.strategy} at "
        f"{needed.n_train:,} images (of the sizes tried, the smallest from which on a strategy is as accurate): {each}"
    )


def _cells(part: int | None, n: int) -> list[str]:
    return [NOTHING, ""] if part is None else [f"{part:,}", f"{100 * part / n:.1f}"]


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f}"


def _rates(found: StrategyResult) -> str:
    rate, head = found.traits.learning_rate, found.traits.head_learning_rate
    if rate is None:
        return NOTHING if head is None else f"{NOTHING} ({_rate(head)})"
    return _rate(rate) if head in (rate, None) else f"{_rate(rate)} ({_rate(head)})"


def _rate(value: float) -> str:
    """Return a rate as it is typed: 1e-4 and not 0.0001."""
    text = f"{value:.2e}"
    mantissa, _, exponent = text.partition("e")
    short = mantissa.rstrip("0").rstrip(".")
    return "0" if not value else f"{short}e{int(exponent)}"


def _epochs(found: StrategyResult) -> str:
    """Return the epochs that were run, those of a warm-up first, and the most that might have been if that is more."""
    run, most = found.epochs, found.traits.most_epochs
    if run is None:
        return NOTHING if most is None else str(most)
    text = f"{run:.1f}".removesuffix(".0")
    text = text if most is None or run >= most else f"{text} of {most}"
    return f"{found.traits.warmup_epochs} + {text}" if found.traits.warmup_epochs else text
