"""Promised: a parameter of any public call that holds a value of the wrong kind is named, with what is expected."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

import featx
from featx.cache import EmbeddingCache, EmbeddingSpec
from featx.comparison.strategies import TunedHead
from featx.constraints import RANDOM_STATE, TABLE, check_values, integer, shown
from featx.exceptions import FeatxError, ParameterError

RNG = np.random.default_rng(0)
X = RNG.random((12, 8, 8))
Y = np.array(["a", "b"] * 6)
WRONG = {
    "None": None, "-1": -1, "0": 0, "2": 2, "1.5": 1.5, "nan": float("nan"), "inf": float("inf"), "huge": 10**30,
    "True": True, "empty": "", "text": "no such thing", "NUL": "a\0b", "bytes": b"x", "list": [], "numbers": [1, 2],
    "texts": ["a"], "mapping": {}, "set": {1}, "array": np.ones((2, 2)), "tensor": torch.ones(2), "object": object(),
    "type": int, "folder": Path("/"), "generator": (number for number in range(2)),
}  # fmt: skip


class Unspeakable:
    """An object that cannot say what it is."""

    def __repr__(self):
        raise RuntimeError


def dataset():
    return featx.ImageDataset(list(X), [str(number) for number in range(len(X))], Y)


def transformer():
    return featx.CNNFeatureTransformer(image_size=32, cache=None)


def classifier():
    return featx.CNNFineTuneClassifier(image_size=32, cache=None)


# What is passed beside the wrong value. A call that gets as far as this must not compute.
CALLS = {
    "fit_model": lambda: {"dataset": dataset(), "transformer": transformer()},
    "forecast_fit": lambda: {"dataset": dataset(), "transformer": transformer()},
    "finetune_model": lambda: {"dataset": dataset(), "classifier": classifier()},
    "forecast_finetuning": lambda: {"dataset": dataset(), "classifier": classifier()},
    "forecast_extraction": lambda: {"dataset": dataset(), "transformer": transformer()},
    "compare_strategies": lambda: {"dataset": dataset(), "strategies": {}},
    "forecast_comparison": lambda: {"dataset": dataset(), "strategies": {}},
    "evaluate_heads": lambda: {"matrices": {("head", "avg"): np.ones((12, 2), np.float32)}, "y": Y},
    "extract_embeddings": lambda: {
        "images": [],
        "source": featx.resolve_backbone(),
        "views": [("head", "avg")],
        "cache": None,
    },
    "predict_images": lambda: {"path": "missing.skops", "dataset": dataset()},
    "make_head": lambda: {"name": "logistic"},
    "make_strategy": lambda: {"name": "frozen", "transformer": transformer()},
    "load_dataset": lambda: {"source": "sample:photos"},
    "read_image": lambda: {"image": X[0]},
    "as_sources": lambda: {"images": X},
}
# Those that draw a seed for None.
DRAWN = ("fit_model", "forecast_fit", "evaluate_heads", "make_head")


@pytest.mark.parametrize("name", CALLS)
def test_what_a_public_function_does_not_accept_is_named(name):
    function, tried = getattr(featx, name), 0
    table = {**TABLE, "random_state": RANDOM_STATE} if name in DRAWN else TABLE
    for parameter in inspect.signature(function).parameters:
        for value in WRONG.values():
            if parameter in table and parameter != "source" and not table[parameter].accepts(value):
                tried += 1
                with pytest.raises(FeatxError) as caught:
                    function(**{**CALLS[name](), parameter: value})
                assert f"got {parameter}=" in str(caught.value), (parameter, value)
                assert isinstance(caught.value, ValueError)
    assert tried > 10


ESTIMATORS = {
    "transformer": lambda **p: featx.CNNFeatureTransformer(**{"image_size": 32, "cache": None} | p).fit(X),
    "fine-tuning": lambda **p: featx.CNNFineTuneClassifier(**{"image_size": 32, "cache": None} | p).fit(X, Y),
    "tuned head": lambda **p: TunedHead(**p).fit(X.reshape(12, -1), Y),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_what_an_estimator_does_not_accept_is_refused_before_anything_is_computed(kind, forwards):
    known = {"transformer": transformer, "fine-tuning": classifier, "tuned head": TunedHead}[kind]().get_params(
        deep=False
    )
    for parameter in known:
        for value in (object(), 1j, {1}, float("nan"), b"x", torch.ones(2), np.ones((2, 2))):
            with pytest.raises(ValueError) as caught:
                ESTIMATORS[kind](**{parameter: value})
            assert isinstance(caught.value, FeatxError), (parameter, type(value))
    assert forwards.since() == 0


def test_integers_and_flags_of_numpy_are_as_good_as_pythons():
    kind = np.int64
    one, two = kind(1), kind(2)
    assert featx.CNNFeatureTransformer(image_size=kind(32), cache=None, batch_size=two, n_jobs=one, random_state=one,
                                       verbose=np.bool_(False)).fit_transform(X[:2]).shape == (2, 1280)  # fmt: skip
    assert featx.make_head("logistic", random_state=two).spec(2).estimator[-1].random_state == 2
    model = featx.CNNFineTuneClassifier(image_size=kind(32), cache=None, epochs=one, batch_size=kind(8), patience=one,
                                        trainable_stages=kind(0), head_init="random", early_stopping=np.bool_(False),
                                        augmentation="none")  # fmt: skip
    assert model.fit(X, Y).n_iter_ == 1
    spec = EmbeddingSpec(backbone="n", weights_digest="0", layer=np.str_("l"), pooling="avg", preprocessing="none",
                         revision=one)  # fmt: skip
    assert EmbeddingSpec.from_json(spec.to_json()) == spec


def test_a_layer_may_be_a_text_of_numpys():
    given = featx.CNNFeatureTransformer(image_size=32, cache=None, layer=np.str_("stage6")).fit_transform(X[:1])
    assert np.array_equal(given, transformer().set_params(layer="stage6").fit_transform(X[:1]))


@pytest.mark.parametrize(
    "value",
    [None, -1, 0, 1.5, True, "x", b"x", [1], object(), 10**30],
    ids=["None", "-1", "0", "1.5", "True", "text", "bytes", "list", "object", "huge"],
)
def test_the_cache_names_what_it_does_not_take(value, tmp_path):
    cache = EmbeddingCache(tmp_path)
    digests, rows = np.zeros((1, 32), np.uint8), np.ones((1, 2), np.float32)
    spec = EmbeddingSpec(backbone="n", weights_digest="0", layer="l", pooling="avg", preprocessing="none")
    calls = [
        lambda: EmbeddingCache(value),
        lambda: cache.get(value, digests),
        lambda: cache.put(value, digests, rows),
        lambda: cache.put(spec, value, rows),
        lambda: cache.put(spec, digests, value),
        lambda: cache.export(value),
        lambda: cache.export(tmp_path / "o.h5", layer=value),
        lambda: cache.export(tmp_path / "o.h5", colour="red"),
    ]
    for number, call in enumerate(calls):
        if (number, value) in ((0, None), (0, "x"), (5, "x"), (6, "x")):
            continue
        with pytest.raises(ParameterError):
            call()


def test_numbers_that_would_be_cut_are_no_digests(tmp_path):
    spec = EmbeddingSpec(backbone="n", weights_digest="0", layer="l", pooling="avg", preprocessing="none")
    with pytest.raises(ParameterError, match="digests of type int64; expected uint8"):
        EmbeddingCache(tmp_path).put(spec, np.full((1, 32), 300), np.ones((1, 2), np.float32))


def test_bounds_and_words():
    assert [value for value in (-1, 0, 1, 5, 6, True, 1.0, np.int8(3)) if integer(0, 5).accepts(value)] == [0, 1, 5, 3]
    with pytest.raises(ParameterError, match=r"got top=0; expected a positive integer$"):
        check_values({"top": 0})
    with pytest.raises(
        ParameterError,
        match=r"got n_jobs=0; expected a positive integer, a negative one \(-1: all processors\) or None$",
    ):
        check_values({"n_jobs": 0, "unknown": object()})
    assert shown(Unspeakable()) == "an object of type Unspeakable"
    assert len(shown("x" * 5000)) < 300
    assert shown(np.ones((2, 2))) == "array([[1., 1.], [1., 1.]])"


def test_one_long_word_does_not_make_a_long_message():
    with pytest.raises(ParameterError) as caught:
        featx.resolve_backbone("efficientnet_lite0", cache_key="y" * 5000)
    assert len(str(caught.value)) < 600
