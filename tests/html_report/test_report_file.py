"""Promised: a report is one file of the promised size, replaced as a whole, and other objects are refused."""

import pytest

from comparisons import strategy_result, verdict_of
from featx.comparison.result import ComparisonResult, CurveResult
from featx.comparison.size_result import SizeResult
from featx.evaluation.estimates import Estimate
from featx.evaluation.learning_curves import Extrapolation, PowerLaw
from featx.exceptions import FeatxError, ParameterError
from featx.html_report.report_file import write_report
from reported import drawn_result, images_of


def test_it_is_one_file_within_its_size(tmp_path):
    result = drawn_result()
    dataset = images_of(result, side=60)
    for most in (300_000, 5_000_000):
        write_report(result, tmp_path / "a.html", dataset=dataset, max_bytes=most, title="A <title>")
        text = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert (tmp_path / "a.html").stat().st_size <= most
        assert "<title>A &lt;title&gt;</title>" in text
        assert " style=" not in text
        assert "http" not in text.replace("http-equiv", "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_what_is_no_result_or_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="got result="):
        write_report({"accuracy": 1}, tmp_path / "a.html")
    with pytest.raises(FeatxError, match="cannot write"):
        write_report(drawn_result(), tmp_path / "no" / "a.html")


def test_a_comparison_shows_its_strategies_at_each_size_and_their_curves(tmp_path):
    names = ("frozen", "a <b>")
    sizes = [
        SizeResult(n, n / 2, n // 2, [strategy_result(name, 0.8 + k / 10, 1 + 9 * k) for k, name in enumerate(names)],
                   [], 0.5, verdict_of("use", "a <b>"))
        for n in (100, 400)
    ]  # fmt: skip
    beyond = Extrapolation(800, Estimate(0.95, 0.9, 0.99), PowerLaw(1.0, 0.5, 0.0), 2)
    curves = [CurveResult(name, [100, 400], [Estimate(0.8, 0.7, 0.9)] * 2, beyond) for name in names]
    words = ("two splits", "Student's t", "a test")
    result = ComparisonResult(["x", "y"], 600, 100, 2, 0, 0.01, *words, False, sizes, curves)
    write_report(result, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert text.count("a &lt;b&gt;</bdi> (use this)") == 2
    assert "<b>" not in text
    assert text.count('class="band') == 2
    assert text.count("dashed") >= 2
    assert 'id="confusion"' not in text  # no predictions, no matrix
