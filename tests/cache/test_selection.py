"""Which embeddings a cache exports is told by what they are; where several fit, the answer says how they differ."""

import dataclasses

import pytest

from featx.cache import CacheError, EmbeddingSpec
from featx.cache.selection import choose_spec, differences, fitting_specs

PREPROCESSING = "mode=crop;resize=256;crop=224;bicubic"
PLAIN = EmbeddingSpec(
    backbone="net", weights_digest="a" * 64, layer="head", pooling="avg", preprocessing=PREPROCESSING
)  # fmt: skip
CHANGED = {
    "another backbone": ({"backbone": "other"}, "backbone net", "backbone other"),
    "another layer": ({"layer": "stage2"}, "layer head", "layer stage2"),
    "another pooling": ({"pooling": "max"}, "pooling avg", "pooling max"),
    "other weights": ({"weights_digest": "b" * 64}, "weights aaaaaaaaaaaa", "weights bbbbbbbbbbbb"),
    "tuned weights": ({"weights_digest": "tuned;" + "b" * 64}, "weights aaaaaaaaaaaa", "weights tuned;bbbbbbbbbbbb"),
    "another precision": ({"precision": "bfloat16;exact=2"}, "precision float32", "precision bfloat16, exact 2"),
    "other arithmetic": ({"precision": "float32;sums=float32"}, "", "sums float32"),
    "another image size": ({"preprocessing": PREPROCESSING.replace("224", "96")}, "image size 224", "image size 96"),
    "its resizing, too": ({"preprocessing": "mode=crop;resize=37;crop=32;bicubic"}, "image size 224", "image size 32"),
    "another resizing": ({"preprocessing": PREPROCESSING.replace("256", "224")}, "resize 256", "resize 224"),
    "an augmented draw": ({"preprocessing": f"{PREPROCESSING};view=3"}, "", "draw 3"),
    "a word alone": ({"preprocessing": f"{PREPROCESSING};minmax"}, "", "minmax yes"),
    "another revision": ({"revision": 2}, "revision 1", "revision 2"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "here", "there"), CHANGED.values(), ids=CHANGED)
def test_two_specs_are_told_apart_by_what_differs_and_nothing_else(change, here, there):
    other = dataclasses.replace(PLAIN, **change)
    assert differences([PLAIN, other]) == [here, there]
    with pytest.raises(CacheError) as caught:
        choose_spec([PLAIN, other])
    message = str(caught.value)
    assert message.splitlines()[1:] == [f"  {PLAIN.digest[:12]}: {here}", f"  {other.digest[:12]}: {there}"]


def test_every_field_of_a_spec_is_among_what_can_differ():
    changed = {name for change, _, _ in CHANGED.values() for name in change}
    assert changed == {field.name for field in dataclasses.fields(EmbeddingSpec)}


def test_one_spec_differs_by_nothing():
    assert differences([PLAIN]) == [""]
    assert choose_spec([PLAIN]) is PLAIN


def test_fields_choose_and_the_first_word_of_a_precision_is_enough():
    exact = dataclasses.replace(PLAIN, precision="bfloat16;exact=2")
    early = dataclasses.replace(PLAIN, layer="stage2")
    specs = [PLAIN, exact, early]
    assert choose_spec(specs, fields={"layer": "stage2"}) is early
    assert choose_spec(specs, fields={"precision": "bfloat16"}) is exact
    assert choose_spec(specs, fields={"precision": "float32", "layer": "head"}) is PLAIN
    assert choose_spec(specs, digest=early.digest[:8]) is early


def test_maps_of_fine_tuning_count_only_where_they_are_named():
    kept = dataclasses.replace(PLAIN, layer="stage6.3.add", pooling="map:float16")
    assert choose_spec([PLAIN, kept]) is PLAIN
    assert choose_spec([PLAIN, kept], digest=kept.digest[:8]) is kept
    assert choose_spec([PLAIN, kept], fields={"pooling": "map:float16"}) is kept
    with pytest.raises(CacheError, match="no embeddings"):
        choose_spec([kept])


@pytest.mark.parametrize(
    ("how", "words"),
    [({"digest": "zzz"}, "begins with 'zzz'"), ({"fields": {"layer": "stage9"}}, "have head, stage2"), ({}, "2 kinds")],
)
def test_where_none_or_several_fit_the_error_says_what_there_is(how, words):
    with pytest.raises(CacheError, match=words):
        choose_spec([PLAIN, dataclasses.replace(PLAIN, layer="stage2")], **how)


def test_many_that_fit_are_not_all_listed():
    specs = [dataclasses.replace(PLAIN, revision=number) for number in range(1, 13)]
    with pytest.raises(CacheError, match=r"(?s)12 kinds of embeddings fit.*\n  and 4 more$"):
        choose_spec(specs)


def test_the_error_names_the_fields_that_tell_those_that_fit_apart():
    others = [dataclasses.replace(PLAIN, layer="stage2"), dataclasses.replace(PLAIN, layer="stage3", pooling="max")]
    with pytest.raises(CacheError, match=r"Choose by layer or pooling \(--layer head\), or by the first characters"):
        choose_spec([PLAIN, *others])
    with pytest.raises(CacheError, match=r"Choose by the first characters of the digest \(--spec"):
        choose_spec([PLAIN, dataclasses.replace(PLAIN, revision=9)])


def test_nothing_is_an_empty_cache():
    with pytest.raises(CacheError, match="no embeddings"):
        choose_spec([])


def test_all_that_fit_are_found_feature_maps_included():
    maps = dataclasses.replace(PLAIN, pooling="map:avg")
    other = dataclasses.replace(PLAIN, layer="stage2")
    specs = [PLAIN, maps, other]
    assert fitting_specs(specs) == specs
    assert fitting_specs(specs, fields={"layer": "head"}) == [PLAIN, maps]
    assert fitting_specs(specs, digest=other.digest[:9]) == [other]
    with pytest.raises(CacheError, match="got layer='x'; the embeddings that there are have head, stage2"):
        fitting_specs(specs, fields={"layer": "x"})
    with pytest.raises(CacheError, match=r"there are no embeddings\. Push some"):
        fitting_specs([], step="Push some.")
