"""Promised: a report is one file of the promised size, replaced as a whole, and other objects are refused."""

import pytest

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
