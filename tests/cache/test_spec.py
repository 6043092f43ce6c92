"""Promised: a spec survives JSON, and any change of it changes its digest."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.cache import CacheError, EmbeddingSpec
from specs import SPEC

CHANGES = {
    "backbone": "net2",
    "weights_digest": "1",
    "layer": "layer3",
    "pooling": "max",
    "preprocessing": "resize",
    "precision": "bfloat16",
    "revision": 2,
}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(EmbeddingSpec)])
def test_a_change_of_any_field_changes_the_digest(field):
    changed = dataclasses.replace(SPEC, **{field: CHANGES[field]})
    assert changed.digest != SPEC.digest
    assert len(changed.digest) == 32
    assert dataclasses.replace(changed, **{field: getattr(SPEC, field)}).digest == SPEC.digest


def test_spec_survives_json():
    spec = dataclasses.replace(SPEC, backbone='né"t\n', revision=3)
    assert EmbeddingSpec.from_json(spec.to_json()) == spec


GARBAGE = {
    "empty": "",
    "cut": '{"backbone":',
    "null": "null",
    "list": "[]",
    "fields_missing": "{}",
    "unknown_field": SPEC.to_json()[:-1] + ',"x":1}',
    "wrong_type": json.dumps(SPEC.to_dict() | {"backbone": ["net"]}),
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_no_spec(text):
    with pytest.raises(CacheError, match="not an embedding spec"):
        EmbeddingSpec.from_json(text)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
FIELDS = st.fixed_dictionaries(dict.fromkeys(("backbone", "weights_digest", "layer", "pooling"), TEXTS))


@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(FIELDS, FIELDS, TEXTS, st.integers(0, 3))
def test_a_spec_comes_back_from_json_and_another_has_another_digest(one, other, text, revision):
    spec = EmbeddingSpec(**one, preprocessing=text, revision=revision)
    assert EmbeddingSpec.from_json(spec.to_json()) == spec
    differing = EmbeddingSpec(**other, preprocessing=text, revision=revision)
    assert (spec.digest == differing.digest) == (one == other)
