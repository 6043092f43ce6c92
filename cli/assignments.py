"""Parse options that set values, such as --grid logistic.C=0.1,1 and --set finetuned.epochs=20."""

from __future__ import annotations

import ast
from typing import Any

import click

__all__ = ["parse_assignment", "parse_literal", "parse_literals"]


def parse_assignment(text: str, *, option: str, form: str, example: str) -> tuple[str, str, str]:
    """Return the owner, the parameter and the value in a text "OWNER.PARAM=VALUE".

    Raises
    ------
    click.BadParameter
        If a part is missing; the message shows the form and the example.
    """
    place, _, value = text.partition("=")
    owner, _, parameter = place.rpartition(".")
    if not (owner and parameter and value):
        raise click.BadParameter(f"{text!r} is not {form}, such as {example}", param_hint=option)
    return owner, parameter, value


def parse_literals(text: str) -> list[Any]:
    """Return the values between commas, of which those in brackets and quotes divide nothing."""
    try:
        return list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        pass
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [parse_literal(part) for part in (text.split(",") if depth or quote else parts)]


def parse_literal(text: str) -> Any:
    """Return the Python literal that the text is, or else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
