"""A table goes in, lines of aligned columns that fit a width come out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from ..display.terminal import fill, line_width, printable

if TYPE_CHECKING:
    from ..display.tables import Part, Table

__all__ = ["render", "render_table", "show"]

# Where a user finds what a table does not show.
REST = "`--json` has all"
GAP = 2
# Cells of a shortened name: as many as can be read well, then as few as columns are left out for. A matrix has names
# that tell something, or else such as tell its classes apart, which its rows name in the same order.
COMFORTABLE, LEAST = 24, 12
LEAST_IN_MATRIX, TIGHT = 6, (6, 5, 4)


def show(parts: Sequence[Part], *, err: bool = False, rest: str = REST, framed: bool = False) -> None:
    """Print tables and sentences so that their lines fit the terminal; `framed` by empty lines; see `line_width`."""
    edge = "\n" if framed else ""
    click.echo(f"{edge}{render(parts, width=line_width(err=err), rest=rest)}{edge}", err=err)


def render(parts: Sequence[Part], *, width: int | None = None, rest: str = REST) -> str:
    """Return tables and sentences as text with an empty line between them.

    Parameters
    ----------
    parts : sequence of Table or str
    width : int, default=None
        Cells of a line; None for lines of any length.
    rest : str
        Where to find what a table does not show.
    """
    return "\n\n".join(fill(p, width) if isinstance(p, str) else render_table(p, width=width, rest=rest) for p in parts)


def render_table(table: Table, *, width: int | None = None, rest: str = REST) -> str:
    """Return a table whose lines take at most so many cells.

    Where it does not fit, names are shortened as far as they can be read well; then columns are left out, in the order
    that the table gives, and named below; then names are shortened further. Where that does not help, another table
    stands in its place if it has one, or each row becomes a paragraph. No row is ever wrapped.
    """
    cells = [[_escaped(cell) for cell in row] for row in (table.header, *table.rows)]
    columns = list(range(len(table.header)))
    above = [fill(table.title, width)] if table.title else []
    below = [table.more] if table.more else []
    for least in (None,) if width is None else (COMFORTABLE, LEAST):
        for n_dropped in range(len(table.drop) + 1):
            dropped = table.drop[:n_dropped]
            shown = [i for i in columns if i not in dropped]
            found = _fitted(table, cells, shown, width, least)
            if found is None:
                continue
            if dropped:
                below.insert(0, ", ".join(cells[0][i] for i in sorted(dropped)))
            told = [fill(f"not shown: {'; '.join(below)}: {rest}", width)] if below else []
            return "\n".join([*above, *_aligned(found, [shown.index(i) for i in table.right if i in shown]), *told])
    if table.otherwise is not None:
        return render([table.otherwise], width=width, rest=rest)
    told = [fill(f"not shown: {table.more}: {rest}", width)] if table.more else []
    return "\n".join([*above, *_stacked(table, cells, width or 0), *told])


def _fitted(
    table: Table, cells: list[list[str]], shown: list[int], width: int | None, least: int | None
) -> list[list[str]] | None:
    """Return the columns with names as short as they have to be, or None where they cannot be that short."""
    from ..display.short_names import cell_width

    chosen = [[row[i] for i in shown] for row in cells]
    if width is None or least is None:
        return chosen
    heads = [cell_width(cell) for cell in chosen[0]]
    bodies = [max(map(cell_width, column), default=0) for column in zip(*chosen[1:], strict=True)] or [0] * len(heads)
    if _total(map(max, heads, bodies)) <= width:
        return chosen
    least = min(least, LEAST_IN_MATRIX) if table.named_header else least
    named = [i in table.names for i in shown]
    titled = [table.named_header and place > 0 for place in range(len(shown))]
    longest = max([w for w, short in zip([*bodies, *heads], [*named, *titled], strict=True) if short], default=0)
    # The widest limit that does.
    for limit in range(longest - 1, least - 1, -1):
        tops = [min(w, limit) if short else w for w, short in zip(heads, titled, strict=True)]
        rest = [min(w, limit) if short else w for w, short in zip(bodies, named, strict=True)]
        if _total(map(max, tops, rest)) <= width:
            return _if_it_fits(table, cells, shown, width, limit)
    # What is left of names with a common beginning is shorter than the limit.
    tight = (_if_it_fits(table, cells, shown, width, limit) for limit in (TIGHT if table.named_header else ()))
    return next(filter(None, tight), None)


def _if_it_fits(
    table: Table, cells: list[list[str]], shown: list[int], width: int, limit: int
) -> list[list[str]] | None:
    """Return the columns with names of at most so many cells, or None if they are still too wide."""
    from ..display.short_names import cell_width

    found = [[row[i] for i in shown] for row in _shortened(table, cells, limit)]
    return found if _total(max(map(cell_width, column)) for column in zip(*found, strict=True)) <= width else None


def _shortened(table: Table, cells: list[list[str]], limit: int) -> list[list[str]]:
    """Return all cells, the names shortened; those of a kind are told apart in all columns together."""
    from ..display.short_names import shorten_files, shorten_names
    from ..display.tables import CLASSES

    short = [list(row) for row in cells]
    for kind in set(table.names.values()):
        places = [(r, c) for c in table.names if table.names[c] == kind for r in range(1, len(cells))]
        if table.named_header and kind == CLASSES:
            places += [(0, c) for c in range(1, len(table.header))]
        names = [cells[r][c] for r, c in places]
        pool = [_escaped(name) for name in table.pool]
        found = shorten_names(names, limit, pool=pool) if kind == CLASSES else shorten_files(names, limit)
        for (r, c), name in zip(places, found, strict=True):
            short[r][c] = name
    return short


def _aligned(cells: list[list[str]], right: list[int]) -> list[str]:
    from ..display.short_names import cell_width

    widths = [max(map(cell_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            blanks = " " * (width - cell_width(cell))
            padded.append(blanks + cell if place in right else cell + blanks)
        lines.append((" " * GAP).join(padded).rstrip())
    return [lines[0], (" " * GAP).join("-" * width for width in widths), *lines[1:]] if any(cells[0]) else lines[1:]


def _stacked(table: Table, cells: list[list[str]], width: int) -> list[str]:
    """Return each row as its first cell, and the others with their names below."""
    from ..display.short_names import cell_width

    header, *rows = _shortened(table, cells, width)
    figures = [
        "; ".join(f"{name} {cell}".strip() for name, cell in zip(header[1:], row[1:], strict=True) if cell.strip("-"))
        for row in rows
    ]
    rule = "-" * max(cell_width(row[0]) for row in [header, *rows])
    below = [fill(" " * GAP + table.stacked_header, width)] if table.stacked_header else []
    lines = [header[0], *below, rule] if header[0] else []
    for row, text in zip(rows, table.stacked or figures, strict=True):
        first = row[0] if 0 in table.names else fill(row[0], width)
        lines += [first, *([fill(" " * GAP + _escaped(text), width)] if text else [])]
    return lines


def _escaped(cell: str) -> str:
    return printable(cell).replace("\n", "\\n")


def _total(widths: Iterable[int]) -> int:
    """Return how many cells a line of columns takes."""
    return sum(width + GAP for width in widths) - GAP
