"""A small chart as SVG: axes with ticks, lines, dots, bands and intervals, in colours that the page's style sets.

Charting libraries write styles into each element, which a page with a strict Content-Security-Policy does not apply:
here the marks have classes alone, so that one style sheet serves light, dark and print.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..display.terminal import printable

__all__ = ["Chart", "as_markup", "one_line", "round_ticks"]

# As wide as a phone's page, so that the text of a chart is never smaller than intended.
WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 66, 24, 12, 44
# What rounding makes of a tick that is meant to be the end of the axis.
SLACK = 1e-9

Points = Sequence[tuple[float, float]]


def one_line(text: Any) -> str:
    """Return a text on one line in which nothing changes the direction of others: line ends too are escaped."""
    return printable(str(text)).replace("\n", "\\n")


def as_markup(svg: str) -> Any:
    """Return a chart that a template takes as it is."""
    from markupsafe import Markup

    return Markup(svg)


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most so many round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= most - 1)
    first, last = math.ceil(low / step - SLACK), math.floor(high / step + SLACK)
    return [number * step for number in range(first, last + 1)]


class Chart:
    """A chart of numbers by numbers.

    Parameters
    ----------
    x, y : (low, high)
        The ends of the axes; the second may be the smaller one.
    x_label, y_label : str
    x_text, y_text : callable, default=None
        Writes the number at a tick; None means as short as possible.
    x_ticks : sequence of float, default=None
        None means round numbers.
    log : bool, default=False
        Whether the x axis is logarithmic.
    width, height : int
    left : int
        Room for the numbers of the y axis; 0 without a y axis.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        x_label: str = "",
        y_label: str = "",
        x_text: Callable[[float], str] | None = None,
        y_text: Callable[[float], str] | None = None,
        x_ticks: Sequence[float] | None = None,
        log: bool = False,
        width: int = WIDTH,
        height: int = HEIGHT,
        left: int = LEFT,
    ) -> None:
        self.log, self.width, self.height, self.left = log, width, height, left
        self.x_range, self.y_range = _widened(*x), _widened(*y)
        self.marks: list[str] = []
        self._axes(x_label, y_label, x_text or _short, y_text or _short, x_ticks)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point is in the chart, in its units, to a tenth."""
        (low, high), (bottom, top) = self.x_range, self.y_range
        if self.log:
            x, low, high = math.log(x), math.log(low), math.log(high)
        right, across = (x - low) / (high - low), (y - bottom) / (top - bottom)
        down = self.height - BOTTOM - across * (self.height - BOTTOM - TOP)
        return round(self.left + right * (self.width - RIGHT - self.left), 1), round(down, 1)

    def path(self, points: Points, *, steps: bool = False) -> str:
        """Return the `d` of a line through points; with `steps` it goes across before it goes up."""
        placed = [self.place(*point) for point in points]
        if steps:
            return f"M{_pair(placed[0])}" + "".join(f"H{x:g}V{y:g}" for x, y in placed[1:])
        return "M" + "L".join(map(_pair, placed))

    def line(self, points: Points, kind: str, *, title: str = "") -> None:
        """Draw a line; `kind` is its class in the style sheet."""
        if points:
            self._add("path", kind=f"line {kind}", title=title, d=self.path(points))

    def band(self, points: Sequence[tuple[float, float, float]], kind: str) -> None:
        """Draw the area between two curves, of (x, low, high)."""
        edge = [(x, low) for x, low, _ in points] + [(x, high) for x, _, high in reversed(points)]
        if edge:
            self._add("path", kind=f"band {kind}", d=f"{self.path(edge)}Z")

    def dots(self, points: Points, kind: str, *, titles: Iterable[str] = (), radius: float = 3.5) -> None:
        """Draw a dot at each point, with what a pointer over it shows."""
        titles = list(titles) or [""] * len(points)
        for point, title in zip(points, titles, strict=True):
            x, y = self.place(*point)
            self._add("circle", kind=f"dot {kind}", title=title, cx=x, cy=y, r=radius)

    def interval(self, low: tuple[float, float], high: tuple[float, float], kind: str) -> None:
        """Draw a thick line from one point to another."""
        (x1, y1), (x2, y2) = self.place(*low), self.place(*high)
        self._add("line", kind=f"interval {kind}", x1=x1, y1=y1, x2=x2, y2=y2)

    def bar(self, x: float, y: float, *, thickness: float, kind: str, title: str = "") -> None:
        """Draw a bar from the y axis to a point."""
        right, middle = self.place(x, y)
        width = max(0.5, round(right - self.left, 1))
        self._add("rect", kind=f"bar {kind}", title=title, x=self.left, y=round(middle - thickness / 2, 1),
                  width=width, height=thickness)  # fmt: skip

    def text(self, x: float, y: float, text: str, *, shift: tuple[float, float] = (0, 0), kind: str = "") -> None:
        """Write a text at a point, moved by `shift`."""
        across, down = self.place(x, y)
        self._text(across + shift[0], down + shift[1], text, kind=kind)

    def svg(self, label: str, *, more: str = "") -> str:
        """Return the chart as an element of a page.

        Parameters
        ----------
        label : str
            What a screen reader says in place of the picture.
        more : str, default=""
            Elements on top, already in SVG.
        """
        return (
            f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{_escaped(label)}">'
            f"{''.join(self.marks)}{more}</svg>"
        )

    def _axes(
        self,
        x_label: str,
        y_label: str,
        x_text: Callable[[float], str],
        y_text: Callable[[float], str],
        x_ticks: Sequence[float] | None,
    ) -> None:
        bottom, middle = self.height - BOTTOM, (self.left + self.width - RIGHT) / 2
        for tick in round_ticks(*self.x_range) if x_ticks is None else x_ticks:
            x, _ = self.place(tick, self.y_range[0])
            self._add("line", kind="grid" if not self.left else "tick", x1=x, x2=x, y1=bottom + 4,
                      y2=bottom if self.left else TOP)  # fmt: skip
            self._text(x, bottom + 17, x_text(tick), kind="middle")
        if self.left:
            for tick in round_ticks(*self.y_range):
                _, y = self.place(self.x_range[0], tick)
                self._add("line", kind="grid", x1=self.left, x2=self.width - RIGHT, y1=y, y2=y)
                self._text(self.left - 6, y + 4, y_text(tick), kind="end")
        self._add("line", kind="axis", x1=self.left, x2=self.width - RIGHT, y1=bottom, y2=bottom)
        self._text(middle, self.height - 8, x_label, kind="middle label")
        if y_label:
            centre = (TOP + bottom) / 2
            self._add_text(y_label, kind="middle label", x=12, y=centre, transform=f"rotate(-90 12 {centre:g})")

    def _add(self, tag: str, *, kind: str, title: str = "", **where: Any) -> None:
        inside = f"><title>{_escaped(title)}</title></{tag}>" if title else "/>"
        self.marks.append(f'<{tag} class="{kind}"{_attributes(where)}{inside}')

    def _text(self, x: float, y: float, text: str, *, kind: str = "") -> None:
        self._add_text(text, kind=kind, x=round(x, 1), y=round(y, 1))

    def _add_text(self, text: str, *, kind: str, **where: Any) -> None:
        self.marks.append(f'<text class="{kind}"{_attributes(where)}>{_escaped(text)}</text>')


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high != low else (low - 0.5, low + 0.5)


def _attributes(where: dict[str, Any]) -> str:
    return "".join(f' {name}="{value:g}"' if isinstance(value, float | int) else f' {name}="{value}"'
                   for name, value in where.items())  # fmt: skip


def _pair(point: tuple[float, float]) -> str:
    return f"{point[0]:g},{point[1]:g}"


def _escaped(text: str) -> str:
    return html.escape(one_line(text))


def _short(number: float) -> str:
    return f"{number:,.10g}"
