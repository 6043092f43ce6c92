"""Options that set values: what they are parsed into, and what is refused."""

import click
import pytest

from featx.cli.assignments import parse_assignment, parse_literal

KINDS = {"option": "--set", "form": "STRATEGY.PARAM=VALUE", "example": "finetuned.epochs=20"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("finetuned.epochs=20", ("finetuned", "epochs", "20")),
        ("frozen@features.7.head=a=b", ("frozen@features.7", "head", "a=b")),
        ("logistic.C=0.1,1", ("logistic", "C", "0.1,1")),
    ],
)
def test_an_assignment_has_an_owner_a_parameter_and_a_value(text, parts):
    assert parse_assignment(text, **KINDS) == parts


@pytest.mark.parametrize(
    "text", ["", "epochs=20", "finetuned.epochs", "finetuned.epochs=", ".epochs=2", "finetuned.=2"]
)
def test_an_assignment_without_one_of_them_is_refused_with_an_example(text):
    with pytest.raises(
        click.BadParameter, match=r"is not STRATEGY\.PARAM=VALUE, such as finetuned\.epochs=20"
    ) as caught:
        parse_assignment(text, **KINDS)
    assert caught.value.param_hint == "--set"


def test_a_value_is_a_python_literal_or_text():
    values = ["1", "0.5", "None", "(2, 3)", "'4'", "rbf", "1e", "__import__('os')"]
    assert [parse_literal(text) for text in values] == [1, 0.5, None, (2, 3), "4", "rbf", "1e", "__import__('os')"]
