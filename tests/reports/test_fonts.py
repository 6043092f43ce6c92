"""Promised: a picture has no empty boxes for characters: a font that has them is found, or their codes are written."""

import io
from types import SimpleNamespace

import pytest

from featx.display.short_names import cell_width, class_labels
from featx.reports.fonts import drawable_labels

pytest.importorskip("matplotlib")


@pytest.fixture
def fonts(monkeypatch):
    """The list of installed fonts: those that matplotlib brings along, of which none has Chinese characters."""
    from matplotlib.font_manager import fontManager

    own = [entry for entry in fontManager.ttflist if entry.name.startswith(("DejaVu", "STIX"))]
    monkeypatch.setattr(fontManager, "ttflist", own)
    return own


def drawn(labels, families):
    """Draw the labels; a missing glyph is a warning, which fails the test."""
    from matplotlib.figure import Figure

    figure = Figure()
    for label in labels:
        figure.text(0, 0, label, parse_math=False, **({"fontfamily": families} if families else {}))
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("names", [["cat", "dog"], ["é", "Ω", "😀 smile", "$5$"], ["x" * 99, "two\nlines"]])
def test_names_that_the_usual_font_has_are_those_of_other_plots(names):
    from featx.display.short_names import class_labels

    assert drawable_labels(names, 20) == (class_labels(names, 20), [])


def test_characters_that_no_font_has_are_written_by_their_codes(caplog, fonts):
    labels, families = drawable_labels(["猫 a", "猫 b", "plain"], 20)
    assert labels == ["\\u732b a", "\\u732b b", "plain"]
    assert "which the picture writes by their codes: 猫 as \\u732b. Install a font" in caplog.text
    drawn(labels, families)
    labels, _ = drawable_labels([chr(0x732B + i) * 30 for i in range(5)], 20)
    assert len(set(labels)) == 5
    assert max(map(len, labels)) <= 20


def test_no_code_is_cut_and_other_names_keep_their_length(fonts):
    names = ["\u6f22\u5b57\u306e\u540d\u524d", "\U0001f98b butterfly", "a name without such characters"]
    labels, _ = drawable_labels(names, 24)
    assert labels[2] == class_labels(names, 24)[2]
    for name, label in zip(names[:2], labels, strict=False):
        assert cell_width(label) <= 24
        plain = label.encode("ascii", "backslashreplace").decode("unicode_escape")
        begin, _, end = plain.partition("\u2026")
        assert name.startswith(begin)
        assert name.endswith(end)
        assert begin


def test_a_font_that_has_the_characters_is_found(fonts):
    symbols = [c for c in map(chr, range(0x2A00, 0x2C00)) if c.isprintable()]
    found = next((c for c in symbols if drawable_labels([c], 9)[1]), None)
    assert found is not None
    labels, families = drawable_labels(["plain", found], 9)
    assert labels == ["plain", found]
    assert families[0] == "DejaVu Sans"
    assert len(families) == 2
    drawn(labels, families)


def test_fonts_that_were_removed_are_passed_over(fonts):
    fonts.insert(0, SimpleNamespace(fname="/nowhere/a.ttf", name="A", style="normal", weight=400))
    assert drawable_labels(["猫"], 9)[0] == ["\\u732b"]


def test_the_names_of_a_confusion_matrix_have_no_boxes_either(fonts, tmp_path):
    from featx.reports.plots import plot_confusion_matrix

    symbols = [c for c in map(chr, range(0x2A00, 0x2C00)) if c.isprintable()]
    found = next(c for c in symbols if drawable_labels([c], 9)[1])
    ax = plot_confusion_matrix([[3, 1], [0, 2]], ["猫", found], tmp_path / "m.png")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["\\u732b", found]
