"""Tables as text: lines of aligned columns that fit the width of a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .short_names import cell_width, shorten_files, shorten_names
from .tables import CLASS_NAMES, Part, Table
from .terminal import fill, printable

__all__ = ["render_text", "render_text_table"]

# Blanks between columns.
GAP = 2
# Fewest cells of a shortened name: a width that reads well, and the least after columns were left out. In a matrix:
# names that still mean something, or merely differ, because its rows name the classes in the same order.
READABLE_CELLS, LEAST_CELLS = 24, 12
LEAST_MATRIX_CELLS, TIGHT_MATRIX_CELLS = 6, (6, 5, 4)


def render_text(parts: Sequence[Part], *, width: int | None = None, rest: str = "") -> str:
    """Return tables and sentences as text with an empty line between them.

    Parameters
    ----------
    parts : sequence of Table or str
    width : int, default=None
        Cells of a line; None for lines of any length.
    rest : str, default=""
        Where to find what a table does not show.
    """
    return "\n\n".join(
        fill(p, width) if isinstance(p, str) else render_text_table(p, width=width, rest=rest) for p in parts
    )


def render_text_table(table: Table, *, width: int | None = None, rest: str = "") -> str:
    """Return a table whose lines are at most `width` cells wide.

    A table that does not fit first has its names shortened as far as they still read well; then columns are left out,
    in the order that the table gives, and named below it; then names are shortened further. If that is not enough, the
    table's alternative is shown, or each row becomes a paragraph if it has none. No row is ever wrapped.
    """
    cells = [[_escaped(cell) for cell in row] for row in (table.header, *table.rows)]
    columns = list(range(len(table.header)))
    above = [fill(table.title, width)] if table.title else []
    below = [table.more] if table.more else []
    for least in (None,) if width is None else (READABLE_CELLS, LEAST_CELLS):
        for n_dropped in range(len(table.drop) + 1):
            dropped = table.drop[:n_dropped]
            shown = [i for i in columns if i not in dropped]
            found = _fitted_columns(table, cells, shown, width, least)
            if found is None:
                continue
            if dropped:
                below.insert(0, ", ".join(cells[0][i] for i in sorted(dropped)))
            omitted = [fill(_not_shown("; ".join(below), rest), width)] if below else []
            return "\n".join([*above, *_aligned(found, [shown.index(i) for i in table.right if i in shown]), *omitted])
    if table.otherwise is not None:
        return render_text([table.otherwise], width=width, rest=rest)
    omitted = [fill(_not_shown(table.more, rest), width)] if table.more else []
    return "\n".join([*above, *_stacked(table, cells, width or 0), *omitted])


def _fitted_columns(
    table: Table, cells: list[list[str]], shown: list[int], width: int | None, least: int | None
) -> list[list[str]] | None:
    """Return the columns with names as short as necessary, or None if they cannot be made to fit."""
    chosen = [[row[i] for i in shown] for row in cells]
    if width is None or least is None:
        return chosen
    heads = [cell_width(cell) for cell in chosen[0]]
    bodies = [max(map(cell_width, column), default=0) for column in zip(*chosen[1:], strict=True)] or [0] * len(heads)
    if _total(map(max, heads, bodies)) <= width:
        return chosen
    least = min(least, LEAST_MATRIX_CELLS) if table.named_header else least
    named = [i in table.names for i in shown]
    titled = [table.named_header and place > 0 for place in range(len(shown))]
    longest = max([w for w, short in zip([*bodies, *heads], [*named, *titled], strict=True) if short], default=0)
    # The widest limit that fits.
    for limit in range(longest - 1, least - 1, -1):
        tops = [min(w, limit) if short else w for w, short in zip(heads, titled, strict=True)]
        rest = [min(w, limit) if short else w for w, short in zip(bodies, named, strict=True)]
        if _total(map(max, tops, rest)) <= width:
            return _columns_within(table, cells, shown, width, limit)
    # What is left of names with a common beginning is shorter than the limit.
    tight = (
        _columns_within(table, cells, shown, width, limit)
        for limit in (TIGHT_MATRIX_CELLS if table.named_header else ())
    )
    return next(filter(None, tight), None)


def _columns_within(
    table: Table, cells: list[list[str]], shown: list[int], width: int, limit: int
) -> list[list[str]] | None:
    """Return the columns with names of at most `limit` cells, or None if they are still too wide."""
    found = [[row[i] for i in shown] for row in _shortened(table, cells, limit)]
    return found if _total(max(map(cell_width, column)) for column in zip(*found, strict=True)) <= width else None


def _shortened(table: Table, cells: list[list[str]], limit: int) -> list[list[str]]:
    """Return all cells with names shortened; names of one kind stay distinct across all columns."""
    short = [list(row) for row in cells]
    for kind in set(table.names.values()):
        places = [(r, c) for c in table.names if table.names[c] == kind for r in range(1, len(cells))]
        if table.named_header and kind == CLASS_NAMES:
            places += [(0, c) for c in range(1, len(table.header))]
        names = [cells[r][c] for r, c in places]
        pool = [_escaped(name) for name in table.pool]
        found = shorten_names(names, limit, pool=pool) if kind == CLASS_NAMES else shorten_files(names, limit)
        for (r, c), name in zip(places, found, strict=True):
            short[r][c] = name
    return short


def _aligned(cells: list[list[str]], right: list[int]) -> list[str]:
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
    """Return each row as its first cell, with the other cells and the names of their columns below it."""
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


def _not_shown(what: str, rest: str) -> str:
    return f"not shown: {what}{': ' if rest else ''}{rest}"


def _escaped(cell: str) -> str:
    return printable(cell).replace("\n", "\\n")


def _total(widths: Iterable[int]) -> int:
    """Return how many cells a line of columns takes."""
    return sum(width + GAP for width in widths) - GAP
