"""Promised: code is described by what it does; libraries and modules of featx have names that last."""

import math
from importlib.metadata import version

import numpy as np
import pytest
import torch

from featx.torch_modules.code_facts import code_facts, lasting_name, library, plain_text


def function(text):
    names = {}
    exec(text, names)
    return names["f"].__code__


def test_layout_comments_and_docstrings_do_not_count():
    plain = code_facts(function("def f(x):\n    return x + K\n"))
    noisy = code_facts(function("\n\n# a comment\ndef f(x):\n\n    # another\n    return (x +\n            K)\n"))
    assert plain == noisy
    assert plain.looked_up == ("K",)
    assert code_facts(function("def f(x):\n    return x - K\n")) != plain
    assert code_facts(function("def f(x):\n    return x + L\n")) != plain


def test_names_inside_inner_functions_imports_and_strings_are_found():
    facts = code_facts(function("def f(x):\n    import a.b\n    return [g(y).h for y in x], lambda: k('some words')"))
    assert {"g", "k"} <= set(facts.looked_up)
    assert "h" in facts.names
    assert ("a.b", 0) in facts.imports
    assert {"some", "words"} <= facts.words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (1, 1.0),
        (1, True),
        ("1", 1),
        (b"1", "1"),
        ((1, 2), (2, 1)),
        (torch.float16, torch.bfloat16),
        (np.float32(1), np.float64(1)),
        (slice(1), slice(2)),
        (math.nan, math.inf),
    ],
    ids=str,
)
def test_texts_of_plain_values_differ_as_the_values_do(one, other):
    assert plain_text(one) == plain_text(one) != plain_text(other)
    assert plain_text(frozenset([1, "a", 2])) == plain_text(frozenset(["a", 2, 1]))


@pytest.mark.parametrize(
    "value",
    [[], {}, object(), (1, [2]), torch.zeros(1), len],
    ids=["list", "dict", "object", "tuple", "tensor", "built-in"],
)
def test_other_values_have_no_text(value):
    assert plain_text(value) is None


def test_libraries_have_versions_and_names_of_featx_leave_folders_out():
    assert library("torch.nn.modules") == f"torch {version('torch')}"
    assert str(library("json.decoder")).startswith("python 3.")
    assert library("__main__") is None
    assert lasting_name("featx.networks.efficientnet_lite") == "featx.efficientnet_lite"
    assert [lasting_name(name) for name in ("featx", "torch.nn", "featxes.a.b")] == ["featx", "torch.nn", "featxes.a.b"]
