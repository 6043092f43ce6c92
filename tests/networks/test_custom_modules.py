"""Promised: a module has a digest of all that it computes with, and is left as it was."""

import copy
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from backbones import Branching, embed, net
from featx import CNNFeatureTransformer
from featx.exceptions import BackboneError, ParameterError
from featx.networks.resolve import resolve_backbone
from featx.process import forget
from own_networks import UNKNOWN, module_of
from patched_modules import IMAGES, TwoBlocks, reference


def test_a_module_is_left_as_it_was():
    module = net(Branching).train()
    before = copy.deepcopy(module.state_dict())
    embed(resolve_backbone(module), ("features", "avg"))
    assert all(part.training and not part._forward_hooks for part in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def mutate(module):
    with torch.no_grad():
        module.features[0].weight[0, 0, 0, 0] += 1
    return module


@pytest.mark.parametrize(
    "change",
    [
        mutate,
        lambda module: setattr(module, "scale", 2.0),
        lambda module: module.shift.add_(1),
        lambda module: setattr(module.features[1], "eps", 0.1),
        lambda module: setattr(module.features, "2", nn.ReLU6()),
    ],
    ids=["weight", "attribute", "unsaved buffer", "eps", "activation"],
)
def test_a_module_that_computes_something_else_has_another_digest(change):
    module = net()
    before = resolve_backbone(module)
    assert resolve_backbone(net()).weights_digest == before.weights_digest
    kept = embed(before)
    change(module)
    assert resolve_backbone(module).weights_digest != before.weights_digest
    assert np.array_equal(embed(before), kept)


@pytest.mark.parametrize("derived", [False, True])
def test_the_code_of_a_module_is_part_of_its_digest(tmp_path, monkeypatch, derived):
    digests = set()
    for body in ("x", "-x"):
        path = Path(tmp_path, f"code{body}.py")
        base = f"from torch import nn\n\nclass Base(nn.Module):\n    def forward(self, x):\n        return {body}\n"
        path.write_text(f"{base}\nclass Derived(Base):\n    pass\n", encoding="utf-8")
        spec = importlib.util.spec_from_file_location("users_code", path)
        code = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "users_code", code)
        spec.loader.exec_module(code)
        digests.add(resolve_backbone(code.Derived() if derived else code.Base()).weights_digest)
    assert len(digests) == 2


class Forgetful:
    def __init__(self, k):
        self.k = k

    def __reduce__(self):
        return Forgetful, (1,)


class Faithful(Forgetful):
    def __deepcopy__(self, memo):
        return Faithful(self.k)


class Holding(TwoBlocks):
    def __init__(self, held):
        super().__init__()
        self.held, self.calls = held, []
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.calls.append(len(x))
        self.seen += 1
        return super().forward(x) * self.held.k


class Resetting(Holding):
    def __setstate__(self, state):
        super().__setstate__({**state, "held": Faithful(1)})


@pytest.mark.parametrize(("kind", "held"), [(Holding, Forgetful), (Resetting, Faithful)])
def test_a_copy_that_gives_other_answers_is_refused(kind, held):
    with pytest.raises(
        BackboneError, match=r"copy of \w+ has other outputs than the module.*__reduce__.*keep everything"
    ):
        CNNFeatureTransformer(kind(held(3)), layer="output", image_size=32, cache=None).fit_transform(IMAGES)


def test_a_module_that_is_compared_with_its_copy_is_left_as_it_was():
    net, drawn = Holding(Faithful(3)), torch.get_rng_state()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    given = CNNFeatureTransformer(net, layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.calls == []
    assert all(part.training for part in net.modules())
    assert torch.equal(torch.get_rng_state(), drawn)
    expected = reference(net.eval(), "output", resolve_backbone(net, image_size=32))
    np.testing.assert_allclose(given, expected.numpy(), rtol=1e-4, atol=1e-5)


class TwoArguments(TwoBlocks):
    def forward(self, x, mask):
        return super().forward(x * mask)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.jit.script(nn.Flatten()), "RecursiveScriptModule.*Pass the module"),
        (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), "has no values yet.*[Rr]un it"),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 4, 3).double(), nn.Conv2d(4, 4, 3)),
            "parameters of float64, and the images are of float32: pass module.float",
        ),
        (lambda: nn.Conv2d(3, 4, 3).to("meta"), "without values, on the meta device.*to_empty"),
        (TwoArguments, "needs x, mask; featx passes a batch of images alone.*Wrap it"),
        (lambda: nn.Sequential(nn.Conv2d(4, 4, 3)), "fails on images of 32 x 32 pixels"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:Lazy")
def test_what_cannot_be_used_is_refused_with_a_next_step(make, message):
    with pytest.raises(BackboneError, match=message):
        CNNFeatureTransformer(make(), image_size=32, cache=None).fit_transform(IMAGES)


def given(module, **options):
    options = {"layer": "output", "image_size": 32, "cache": None, **options}
    return CNNFeatureTransformer(module, **options).fit_transform(IMAGES)


def test_what_is_not_understood_is_said_once(caplog, monkeypatch):
    forget("remarks")
    module = module_of(UNKNOWN["torch's generator"], 1)
    for _ in range(2):
        given(module)
    assert caplog.text.count("does not understand") == 1
    assert "Net.o (an object of type torch._C.Generator)" in caplog.text


def test_a_record_that_computing_changes_is_no_part_of_the_network(forwards):
    text = """
SEEN = []
class Net(Base):
    count = 0
    def forward(self, x):
        SEEN.append(len(x))
        type(self).count += 1
        return self.pooled(x) * VALUE
"""
    transformer = CNNFeatureTransformer(module_of(text, 1), layer="output", image_size=32)
    first = transformer.fit_transform(IMAGES)
    assert forwards.since() <= len(IMAGES) + 1
    assert np.array_equal(transformer.fit_transform(IMAGES), first)
    assert forwards.since() == 0


KEYED = UNKNOWN["eval"] + "    def __init__(self):\n        super().__init__()\n        self.k = 1\n"


def test_a_key_stands_for_the_code_and_not_for_the_tensors():
    def digest(module, key="mine 1"):
        source = resolve_backbone(module, image_size=32, cache_key=key)
        assert source.unknown == ()
        return source.weights_digest

    first = digest(module_of(KEYED, 1))
    assert digest(module_of(KEYED, 9)) == first
    assert digest(module_of(KEYED, 1), "mine 2") != first
    for change in (lambda net: net.c.weight.data.add_(1), lambda net: setattr(net, "k", 2)):
        net = module_of(KEYED, 1)
        change(net)
        assert digest(net) != first


@pytest.mark.parametrize(
    ("backbone", "key", "message"),
    [
        ("resnet18", "mine", r"cache_key='mine' beside backbone='resnet18'.*identified by its name and weights"),
        (nn.Flatten(), 3, "cache_key=3; expected a text"),
        (nn.Flatten(), "", "cache_key=''; expected a text"),
    ],
)
def test_a_key_is_a_text_and_belongs_to_a_module(backbone, key, message):
    with pytest.raises(ParameterError, match=message):
        CNNFeatureTransformer(backbone, weights="DEFAULT", cache_key=key).fit(IMAGES)
