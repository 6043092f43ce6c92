"""Promised: estimators on images are cloned, pickled and shown as those of scikit-learn are."""

import pickle
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, EmbeddingCache, LayerError, ParameterError
from featx.extraction.estimator import ImageEstimator, ParameterGroup

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32}


def embedder(**options):
    return CNNFeatureTransformer(**{**TINY, **options})


@pytest.fixture
def paths(photos):
    return [photos[name] for name in ("china", "chelsea", "coffee", "rocket")]


@pytest.fixture
def expected(paths):
    return embedder(cache=None).fit_transform(paths)


def test_every_parameter_is_in_one_group_and_training_has_only_those_of_the_classifier():
    declared = [name for names in ImageEstimator.parameter_groups.values() for name in names]
    assert len(declared) == len(set(declared))
    transformer, classifier = (set(kind().get_params()) for kind in (CNNFeatureTransformer, CNNFineTuneClassifier))
    assert set(declared) <= transformer | classifier
    for kind, names in ((CNNFeatureTransformer, transformer), (CNNFineTuneClassifier, classifier)):
        groups = [kind.parameters_of(group) for group in get_args(ParameterGroup)]
        assert sorted(name for group in groups for name in group) == sorted(names)
    assert not CNNFeatureTransformer.parameters_of("training")
    assert set(CNNFineTuneClassifier.parameters_of("training")) == (classifier - transformer - {"checkpoint"}) | {
        "batch_size"
    }
    assert CNNFineTuneClassifier.parameters_of("embedding") == CNNFeatureTransformer.parameters_of("embedding")


def test_parameters_survive_cloning_and_a_new_backbone_is_used(paths, expected, tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    options = {"layer": "stem", "prefetch": [("features.6", "avg")], "cache": EmbeddingCache(tmp_path), "n_jobs": 2}
    first = embedder(**options)
    parameters = clone(first).get_params()
    assert parameters.pop("cache").root == options.pop("cache").root
    assert parameters | TINY | options == parameters
    fitted = embedder().fit(paths)
    fitted.set_params(backbone="shufflenet_v2_x0_5")
    assert fitted.transform(paths).shape == (4, 1024)
    assert clone(fitted).fit(paths).embedding_dim_ == 1024
    fitted.set_params(backbone=module, weights="DEFAULT")
    assert clone(fitted).fit_transform(paths).shape == (4, 4)
    assert np.allclose(fitted.set_params(**TINY).transform(paths), expected, atol=1e-5)


def test_its_parameters_show_in_text_and_html():
    assert "squeezenet1_1" in repr(embedder())
    assert "squeezenet1_1" in embedder()._repr_html_()


LOAD = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    fitted, paths = pickle.load(file)
np.save(sys.argv[2], fitted.transform(paths))
"""


@pytest.mark.long
def test_pickles_are_small_and_work_in_a_fresh_process(paths, expected, tmp_path):
    fitted = make_pipeline(embedder(cache=None, precision="float32"), StandardScaler()).fit(paths)
    fitted.transform(paths)
    assert len(pickle.dumps(fitted[0])) < 20_000
    (tmp_path / "fitted.pickle").write_bytes(pickle.dumps((fitted, paths)))
    arguments = [str(tmp_path / "fitted.pickle"), str(tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-W", "error", "-c", LOAD, *arguments], check=True)
    assert np.array_equal(np.load(tmp_path / "out.npy"), fitted.transform(paths))


class _Squeezed(CNNFeatureTransformer):
    """Has one of the parameters."""

    def __init__(self, pooling="avg"):
        super().__init__(pooling=pooling, precision="float32", cache=None, **TINY)


def test_a_subclass_may_have_fewer_parameters(paths):
    assert clone(_Squeezed(pooling="avgmax")).fit_transform(paths[:1]).shape == (1, 1024)
    with pytest.raises(ParameterError, match="got pooling='mean'"):
        _Squeezed(pooling="mean").fit(paths)


def test_precision_of_a_fit_that_failed_stays(paths):
    fitted = embedder(precision="float16", cache=None).fit(paths)
    with pytest.raises(LayerError):
        fitted.set_params(layer="nowhere").fit(paths)
    assert fitted.precision_ == "float16"
