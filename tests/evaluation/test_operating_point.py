"""Promised: an operating point is read as it is written, and what is none is refused with what is expected."""

import subprocess
import sys

import pytest

from featx import DatasetError, ParameterError
from featx.evaluation.operating_point import check_decision, class_number, parse_operating_point


def test_shares_and_costs_are_read():
    found = parse_operating_point(" sensitivity = .95 ")
    assert (found.quantity, found.level, found.text) == ("sensitivity", 0.95, "sensitivity=0.95")
    found = parse_operating_point("cost=5:1")
    assert (found.quantity, found.miss, found.false_alarm, found.text) == ("cost", 5, 1, "cost=5:1")
    assert parse_operating_point("precision=1").level == 1


@pytest.mark.parametrize(
    "text",
    ["", "0.95", "sensitivity", "sensitivity=", "sensitivity=0", "sensitivity=-0.5", "sensitivity=nan", "recall=0.9",
     "sensitivity=1.01", "precision=95%", "specificity=inf", "cost=abc", "cost=5", "cost=5:0", "cost=-5:1",
     "cost=nan:1", "cost=inf:1", "cost=1:2:3", "cost=5:1x"],
)  # fmt: skip
def test_what_is_none_is_refused(text):
    with pytest.raises(ParameterError, match=r"got operating_point=.*expected"):
        parse_operating_point(text)


@pytest.mark.parametrize("value", [0.95, ("sensitivity", 0.95), {"sensitivity": 0.95}, b"cost=5:1"])
def test_other_types_are_refused(value):
    with pytest.raises(ParameterError, match="expected a text such as"):
        parse_operating_point(value)


def test_a_name_that_is_nearly_one_is_suggested():
    with pytest.raises(ParameterError) as caught:
        parse_operating_point("sensitvity=0.9")
    assert "sensitivity" in caught.value.next_step


def test_it_needs_its_class():
    check_decision(None, None)
    check_decision("crack", None)
    with pytest.raises(ParameterError, match="without the class"):
        check_decision(None, "cost=5:1")


def test_a_class_is_found_as_it_is_or_as_text():
    assert class_number("b", ["a", "b"]) == 1
    assert class_number("3", [1, 3]) == class_number(3, [1, 3]) == 1
    with pytest.raises(ParameterError, match="got positive='crak', which is not a class") as caught:
        class_number("crak", ["crack", "dust"])
    assert "crack" in caught.value.next_step
    with pytest.raises(DatasetError, match="only the class 'a'"):
        class_number("a", ["a"])


def test_it_is_read_without_torch_and_scikit_learn():
    code = "import sys, featx.evaluation.operating_point; assert not {'torch', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
