"""Promised: the tensors of a checkpoint are found wherever they are, all that the layer needs, from one place only."""

import itertools

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torchvision import models

from backbones import embed, save, squeezenet
from featx import CNNFeatureTransformer, CNNFineTuneClassifier
from featx.exceptions import WeightsError
from featx.networks.state_matching import load_weights
from weight_files import (
    AMBIGUOUS,
    BODY,
    NAME,
    OPTIMIZER,
    OTHER,
    STATE,
    X,
    assert_loaded,
    built,
    refusal,
    state_of,
    under,
)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
        lambda state: {key: value for key, value in state.items() if not key.startswith("classifier.")},
        lambda state: state | {"classifier.1.weight": torch.zeros(7, 512, 1, 1), "classifier.1.bias": torch.zeros(7)},
    ],
    ids=["state_dict", "parallel", "compiled", "no classes", "other classes"],
)
def test_wrapped_and_refined_checkpoints_are_accepted(tmp_path, wrap):
    path = save(wrap(squeezenet().build().state_dict()), tmp_path / "net.pth")
    assert np.array_equal(embed(squeezenet(weights=path)), embed(squeezenet()))


FOUND = {
    "plain": STATE,
    "model_state_dict": {"epoch": 3, "model_state_dict": STATE, "loss": 0.1, "optimizer": OPTIMIZER.state_dict()},
    "net": {"net": STATE, "acc": 91.0},
    "any key": {"my favourite": STATE},
    "three deep": {"a": {"b": {"c": STATE}}},
    "in a list": [{"epoch": 1}, STATE],
    "a tree": {"features": {key.removeprefix("features."): value for key, value in BODY.items()}},
    "compiled": under("_orig_mod."),
    "compiled, parallel": under("_orig_mod.module."),
    "parallel, compiled": under("module._orig_mod."),
    "twice parallel": under("module.module."),
    "fully sharded": under("_fsdp_wrapped_module._checkpoint_wrapped_module."),
    "a parallel part": {key.replace("features.", "features.module."): value for key, value in STATE.items()},
    "Lightning": {"state_dict": under("model."), "hyper_parameters": {"lr": 0.1}, "callbacks": {"x": {}}},
    "any attribute": {"state_dict": under("my_net.encoder.") | {"criterion.weight": torch.zeros(3)}},
    "MMPretrain": {"meta": {}, "state_dict": under("backbone.", BODY) | {"head.fc.weight": torch.zeros(5, 512)}},
    "MoCo, query alone": {"state_dict": under("module.encoder_q.", BODY) | {"module.queue": torch.zeros(3)}},
    "DINO, student alone": {"student": under("module.backbone.") | {"module.head.0.weight": torch.zeros(3, 3)}},
    "averaged": under("module.") | {"n_averaged": torch.tensor(4)},
    "twice the same": {"model": STATE, "model_ema": {key: value.clone() for key, value in STATE.items()}},
    "no classes": BODY,
    "other classes": BODY | {"classifier.1.weight": torch.zeros(7, 512, 1, 1), "classifier.1.bias": torch.zeros(7)},
    "a linear classifier": BODY | {"classifier.weight": torch.zeros(7, 512), "classifier.bias": torch.zeros(7)},
    "a deep classifier": BODY | {"classifier.0.weight": torch.zeros(7, 512), "classifier.2.weight": torch.zeros(7, 7)},
    "a projection head": BODY | {"projector.0.weight": torch.zeros(7, 512)},
    "counters of operations": STATE | {"total_ops": torch.zeros(1), "features.3.total_ops": torch.zeros(1)},
}


@pytest.mark.parametrize("content", FOUND.values(), ids=FOUND)
def test_the_tensors_are_found_wherever_they_are(tmp_path, content):
    torch.save(content, tmp_path / "net.pth")
    assert_loaded(tmp_path / "net.pth")


@pytest.mark.parametrize("order", list(itertools.permutations(["module.", "_orig_mod.", "model."])), ids="".join)
def test_prefixes_are_stripped_in_any_order(tmp_path, order):
    torch.save({"state_dict": under("".join(order))}, tmp_path / "net.ckpt")
    assert_loaded(tmp_path / "net.ckpt")


def test_what_is_left_out_is_said(tmp_path, caplog):
    torch.save(FOUND["a projection head"], tmp_path / "net.pth")
    assert_loaded(tmp_path / "net.pth")
    assert "50 tensors are used; those of projector, which the network does not have, are left out" in caplog.text


@pytest.mark.parametrize("key", sorted(BODY)[::7] + ["features.12.expand3x3.bias"])
@pytest.mark.parametrize("change", ["missing", "shape", "sparse", "integers"])
def test_a_network_is_never_random_in_part(tmp_path, key, change):
    state = dict(STATE)
    value = state.pop(key)
    if change != "missing":
        state[key] = {
            "shape": lambda: torch.zeros(1, *value.shape),
            "sparse": lambda: value.to_sparse(),
            "integers": lambda: (100 * value).to(torch.int8),
        }[change]()
    torch.save({"state_dict": under("module.", state)}, tmp_path / "net.pth")
    text = refusal(tmp_path / "net.pth")
    assert f"do not fit {NAME}: {key} " in text
    assert "49 of 50 tensors match (under 'state_dict')" in text


@pytest.mark.parametrize(("content", "places"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_of_two_networks_in_a_file_none_is_chosen(tmp_path, content, places):
    torch.save(content, tmp_path / "net.pth")
    text = refusal(tmp_path / "net.pth")
    assert "2 sets of tensors" in text
    assert all(place in text for place in places)


def test_a_network_less_its_classifier_is_another_network_in_a_file(tmp_path):
    name = "mobilenet_v3_small"
    other = {key: value for key, value in state_of(name, seed=1).items() if key.startswith("features.")}
    torch.save({"whole": state_of(name), "body": other}, tmp_path / "net.pth")
    assert "under 'whole' and 'body'" in refusal(tmp_path / "net.pth", name)


def spoilt(value, key="features.6.expand1x1.weight", state=STATE):
    tensor = state[key].clone()
    tensor.flatten()[[0, 7]] = value
    return {**state, key: tensor}


LARGE = {key: value.double() for key, value in STATE.items()}


NOT_FINITE = {
    "NaN": spoilt(float("nan")),
    "infinity": spoilt(-float("inf")),
    "half": spoilt(float("inf"), state={key: value.half() for key, value in STATE.items()}),
    "too large for float32": spoilt(1e300, state=LARGE),
    "both places": {"model": spoilt(float("nan")), "copy": spoilt(float("nan"))},
}


@pytest.mark.parametrize("content", NOT_FINITE.values(), ids=NOT_FINITE)
def test_weights_that_are_not_finite_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "net.pth")
    size = STATE["features.6.expand1x1.weight"].numel()
    text = refusal(tmp_path / "net.pth")
    assert f"in features.6.expand1x1.weight, 2 of {size:,} values are NaN or infinite. Pass a checkpoint" in text


def test_of_a_network_that_diverged_and_another_none_is_chosen(tmp_path):
    torch.save({"model": spoilt(float("nan")), "model_ema": OTHER}, tmp_path / "net.pth")
    assert "2 sets of tensors that fit" in refusal(tmp_path / "net.pth")


def test_what_is_not_finite_behind_the_layer_is_no_matter_until_it_is_read(tmp_path):
    torch.save(spoilt(float("nan"), key="classifier.1.weight"), tmp_path / "net.pth")
    assert_loaded(tmp_path / "net.pth")
    options = {"weights": tmp_path / "net.pth", "image_size": 32, "cache": None}
    assert np.isfinite(CNNFeatureTransformer(NAME, **options).fit_transform(X)).all()
    with pytest.raises(WeightsError, match=r"needs classifier\.1\.weight.*NaN or infinite"):
        CNNFeatureTransformer(NAME, layer="classifier.1", **options).fit_transform(X)


def test_masks_that_are_infinite_in_the_network_itself_are_right():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", torch.tensor([0.0, -float("inf")]))

        def forward(self, x):
            return (x.flatten(1)[:, :2] + self.mask).softmax(1)

    options = {"name": "masked", "source": "net.pth", "layer": "output"}
    load_weights(Masked(), {"mask": torch.tensor([0.0, -float("inf")])}, **options)
    with pytest.raises(WeightsError, match="in mask, 1 of 2 values"):
        load_weights(Masked(), {"mask": torch.tensor([float("nan"), -float("inf")])}, **options)


@pytest.mark.parametrize(("deep", "shallow"), [("resnet34", "resnet18")])
def test_a_deeper_network_is_not_read_as_a_shallower_one(tmp_path, deep, shallow):
    torch.save(state_of(deep), tmp_path / "net.pth")
    text = refusal(tmp_path / "net.pth", shallow)
    assert "is unknown" in text


@pytest.mark.parametrize(
    ("name", "place", "head"),
    [
        ("mobilenet_v2", "classifier", nn.Linear(1280, 5)),
        ("mobilenet_v3_small", "classifier", nn.Sequential(nn.Linear(576, 8), nn.ReLU(), nn.Linear(8, 5))),
        ("resnet18", "fc", nn.Sequential(nn.Dropout(), nn.Linear(512, 5))),
        ("densenet121", "classifier", nn.Identity()),
        ("regnet_x_400mf", "fc", nn.Sequential(nn.Linear(400, 5))),
        ("shufflenet_v2_x0_5", "fc", nn.Linear(1024, 3, bias=False)),
    ],
)
def test_the_classifier_may_be_any(tmp_path, name, place, head):
    torch.manual_seed(0)
    net = models.get_model(name, weights=None)
    setattr(net, place, head)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    assert_loaded(tmp_path / "net.pth", {k: v for k, v in net.state_dict().items() if not k.startswith(place)}, name)


def test_a_layer_behind_what_the_file_has_is_refused(tmp_path):
    torch.save(BODY, tmp_path / "net.pth")
    options = {"weights": tmp_path / "net.pth", "image_size": 32, "cache": None}
    for layer in ("output", "classifier.1"):
        with pytest.raises(WeightsError, match=rf"{layer} of {NAME} needs classifier\.1\.weight.*do not have"):
            CNNFeatureTransformer(NAME, layer=layer, **options).fit_transform(X)
    with pytest.raises(WeightsError, match=r"needs classifier\.1\.weight"):
        CNNFineTuneClassifier(NAME, layer="output", epochs=1, **options).fit(X, [0, 1, 0, 1])
    torch.save(STATE, tmp_path / "whole.pth")
    whole = CNNFeatureTransformer(NAME, layer="output", **options | {"weights": tmp_path / "whole.pth"})
    assert whole.fit_transform(X).shape == (4, 1000)


def test_position_embeddings_of_another_size_are_resampled_and_that_is_said(tmp_path, caplog):
    with torch.device("meta"):
        net = models.VisionTransformer(64, 32, 12, 12, 768, 3072, num_classes=3)
    # One number each: 86 million take long to draw, to write and to read.
    state = {name: torch.tensor(0.5).expand(value.shape) for name, value in net.state_dict().items()}
    torch.save({"state_dict": under("net.", state)}, tmp_path / "vit.pth")
    assert built(tmp_path / "vit.pth", "vit_b_32", image_size=96).encoder.pos_embedding.shape == (1, 10, 768)
    assert "vit.pth was trained at another image size: encoder.pos_embedding resampled to this one" in caplog.text


@pytest.mark.filterwarnings("ignore::featx.exceptions.TrainingWarning")
def test_what_the_file_lacked_is_not_exported(tmp_path):
    name, options = "mobilenet_v3_small", {"image_size": 32, "cache": None}
    net = models.get_model(name, weights=None)
    net.classifier = nn.Linear(576, 3)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    classifier = CNNFineTuneClassifier(name, weights=tmp_path / "net.pth", trainable_stages=0, epochs=1, **options)
    classifier.fit(X, [0, 1, 0, 1]).export_weights(tmp_path / "out.safetensors")
    assert not [key for key in safetensors.torch.load_file(tmp_path / "out.safetensors") if "classifier" in key]
    with pytest.raises(WeightsError, match="needs classifier"):
        out = tmp_path / "out.safetensors"
        transformer = CNNFeatureTransformer(name, weights=out, layer="classifier.0", **options)
        transformer.fit_transform(X)
