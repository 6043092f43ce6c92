"""Promised: small_cnn is a plain network for training from scratch, which has no pretrained weights."""

import pytest
import torch
from torch import nn

from commands import featx
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, WeightsError, load_dataset
from featx.networks.resolve import resolve_backbone
from featx.networks.small_cnn import SmallCNN


def test_its_layers_are_25_with_input_softmax_and_output():
    network = SmallCNN()
    kinds = [type(part) for block in list(network.children())[:5] for part in block]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d] * 5
    assert len(kinds) + len(list(network.children())[5:]) + len(["input", "softmax", "output"]) == 25
    with torch.inference_mode():
        blocks = nn.Sequential(*list(network.children())[:5])
        assert blocks(torch.zeros(2, 3, 100, 100)).shape == (2, 256, 3, 3)
        assert network(torch.zeros(2, 3, 100, 100)).shape == (2, 1000)


def test_its_random_weights_are_those_of_the_seed():
    def tensors(seed):
        return resolve_backbone("small_cnn", weights=None, random_state=seed).build().state_dict()

    first, again, other = tensors(0), tensors(0), tensors(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["block1.0.weight"], other["block1.0.weight"])
    # The standard deviation by He's formula.
    assert first["block5.0.weight"].std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)


def test_without_pretrained_weights_it_is_refused_by_name(tmp_path):
    with pytest.raises(WeightsError, match="no pretrained weights") as caught:
        CNNFeatureTransformer("small_cnn").fit(load_dataset("sample:digits").images[:2])
    assert "`featx finetune --weights none --trainable-stages all`" in str(caught.value)
    refused = featx("fit", "sample:digits", "-o", tmp_path / "m.skops", "--backbone", "small_cnn", code=2)
    assert "no pretrained weights" in refused.stderr
    assert "`featx finetune --weights none --trainable-stages all`" in " ".join(refused.stderr.split())


def test_it_learns_and_its_weights_are_taken_back(tmp_path):
    data = load_dataset("sample:digits")
    X, y = data.images[:300], data.labels[:300]
    network = CNNFineTuneClassifier(
        "small_cnn", weights=None, image_size=32, trainable_stages="all", optimizer="sgd", learning_rate=0.05,
        epochs=6, batch_size=32, augmentation=None, early_stopping=False, cache=None,
    )  # fmt: skip
    network.fit(X, y)
    assert network.score(data.images[300:400], data.labels[300:400]) > 0.7
    network.export_weights(tmp_path / "w.safetensors")
    features = CNNFeatureTransformer("small_cnn", weights=tmp_path / "w.safetensors", image_size=32, cache=None)
    assert features.fit_transform(X[:3]).shape == (3, 256)
