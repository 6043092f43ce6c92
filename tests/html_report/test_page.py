"""Promised: data in a page cannot end its element, and the name of a report is checked before anything is computed."""

import json
import sys

import pytest

from featx.exceptions import MissingDependencyError, ParameterError
from featx.html_report.page import check_report_file, data_as_json
from reported import HOSTILE


def test_data_keep_their_text_and_hold_no_markup():
    text = data_as_json(HOSTILE)
    assert json.loads(text) == HOSTILE
    assert not set("<>&") & set(text)
    assert text.isascii()


def test_another_suffix_or_no_jinja_is_refused(monkeypatch):
    check_report_file("a.html")
    with pytest.raises(ParameterError, match=r"got a\.pdf .* End it in \.html"):
        check_report_file("a.pdf")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingDependencyError, match=r"featx\[report\]"):
        check_report_file("a.html")
