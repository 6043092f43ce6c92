"""Promised: the head is trained first, as head_init asks for, on training images only."""

import numpy as np
import pytest
import torch

from featx import CNNFeatureTransformer
from featx.evaluation.splits import held_out_split
from featx.finetuning.head_init import fit_probe
from featx.heads.heads import head_spec
from featx.networks.resolve import resolve_backbone
from trainings import TINY, assert_same, classifier, coloured


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_logistic_head_is_the_probe_on_frozen_embeddings(n_classes):
    X, y = coloured(n_classes, contrast=25)
    # Nothing is learnt at a rate of zero.
    frozen = {"head_init": "logistic", "learning_rate": 0.0, "epochs": 1, "early_stopping": False}
    fitted = classifier(**frozen).fit(X, y)
    features = CNNFeatureTransformer(**TINY).fit_transform(X)
    probe = fit_probe(features, y)
    assert probe[-1].C in head_spec("logistic").grid["C"]
    np.testing.assert_allclose(fitted.predict_proba(X), probe.predict_proba(features), atol=1e-5)
    assert np.array_equal(fitted.predict(X), probe.predict(features))


def test_the_probe_sees_no_validation_image(data):
    X, y = data
    train, _ = held_out_split(y, 4, random_state=0)
    features = CNNFeatureTransformer(**TINY).fit_transform(X)
    fitted = classifier(head_init="logistic", learning_rate=0.0, epochs=1).fit(X, y)
    expected = fit_probe(features[train], y[train]).predict_proba(features)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"hidden_units": 8, "dropout": 0.5}, {"dropout": 0.2}], ids=str)
def test_a_warmed_up_head_knows_the_classes_before_the_network_is_touched(data, options):
    fitted = classifier(**options, head_learning_rate=1e-2, learning_rate=0.0, warmup_epochs=60).fit(*data)
    assert fitted.initial_validation_accuracy_ == 1.0
    shape = (8, 512) if "hidden_units" in options else None
    assert getattr(fitted.head_.get("hidden.weight"), "shape", None) == shape


def test_a_random_head_is_no_result(data):
    fitted = classifier(head_init="random", learning_rate=0.0).fit(*data)
    assert fitted.initial_validation_accuracy_ is None
    assert fitted.best_epoch_ == 1


def test_auto_chooses_the_head_by_what_there_is(data, tmp_path):
    weights = tmp_path / "weights.pth"
    torch.save(resolve_backbone(**TINY).build().state_dict(), weights)

    def initial(**options):
        return classifier(**{"head_init": "auto", "epochs": 1, "learning_rate": 0.0, **options}).fit(*data)

    assert initial().initial_validation_accuracy_ is None
    given = initial(weights=str(weights))
    assert_same(given.head_, initial(weights=str(weights), head_init="logistic").head_)
    given = initial(weights=str(weights), hidden_units=4)
    assert_same(given.head_, initial(weights=str(weights), head_init="warmup", hidden_units=4).head_)
