"""Promised: embeddings are what `module(x)` gives, hooks and patches included, at every layer and in training."""

import collections
import dataclasses
import functools
import random
import types

import numpy as np
import pytest
import torch
from images import noise
from torch import nn

from featx import CNNFeatureTransformer, CNNFineTuneClassifier
from featx.exceptions import BackboneError, LayerError
from featx.finetuning.trunk import Trunk
from featx.networks.backbone import Backbone
from featx.networks.resolve import resolve_backbone

IMAGES = noise(4)
LABELS = np.array([0, 1, 0, 1])


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(width, 8, 3), nn.BatchNorm2d(8), nn.ReLU()

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.drop = Block(3), Block(8), nn.Dropout()
        self.head = nn.Linear(8, 5)
        for part in (self.one, self.two):
            part.norm.running_mean.uniform_(-0.1, 0.1)

    def forward(self, x):
        return self.head(self.drop(self.two(self.one(x)).mean((2, 3))))


def scale(module, inputs, output):
    return output * 3 - 0.2


def shift(module, inputs):
    return (inputs[0] + 0.3,)


def called(net):
    class Called(Net):
        def __call__(self, x):
            return super().__call__(x * 2) + 1

    net.__class__ = Called


def counting(net):
    class Counting(Net):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x) * self.calls

    net.__class__ = Counting


def looking(net):
    class Looking(Net):
        def forward(self, x):
            return super().forward(x if type(x) is not torch.Tensor else 2 * x)

    net.__class__ = Looking


def around(net):
    old = net.forward
    net.forward = lambda x: nn.functional.normalize(old(x))


def around_child(net):
    old = net.one.conv.forward
    net.one.conv.forward = lambda x: old(x) * 2


def compiled(net):
    net.compile(backend="eager")


PATCHES = {
    "hook": lambda net: net.register_forward_hook(scale),
    "pre-hook": lambda net: net.register_forward_pre_hook(shift),
    "hook with keywords": lambda net: net.register_forward_hook(lambda m, i, k, o: o * 2, with_kwargs=True),
    "method": lambda net: setattr(net, "forward", types.MethodType(lambda self, x: self.one(x).amax((2, 3)), net)),
    "function": lambda net: setattr(net, "forward", lambda x: net.one(x).amax((2, 3))),
    "partial": lambda net: setattr(net, "forward", functools.partial(Net.forward, net)),
    "around": around,
    "call": called,
    "compiled in place": compiled,
    "hook of a child": lambda net: net.one.register_forward_hook(scale),
    "pre-hook of a child": lambda net: net.two.register_forward_pre_hook(shift),
    "hook of a convolution": lambda net: net.one.conv.register_forward_hook(scale),
    "hook of a norm": lambda net: net.one.norm.register_forward_pre_hook(shift),
    "hook of dropout": lambda net: net.drop.register_forward_hook(scale),
    "patched child": lambda net: setattr(net.one, "forward", types.MethodType(lambda self, x: self.conv(x), net.one)),
    "patched convolution": around_child,
    "patched norm": lambda net: setattr(net.two.norm, "forward", lambda x: x * 2),
    "patched activation": lambda net: setattr(net.one.relu, "forward", torch.tanh),
    "patched dropout": lambda net: setattr(net.drop, "forward", lambda x: x + 1),
    "branch on the type": looking,
}


def patched(name):
    net = Net()
    PATCHES[name](net)
    return net.eval()


def pixels(source):
    return source.preprocessing.normalise(torch.stack([source.preprocessing.apply(image) for image in IMAGES]))


def reference(net, layer, source):
    """What the module gives, and what its submodule does meanwhile."""
    caught = {}
    if layer != "output":
        net.get_submodule(layer).register_forward_hook(lambda m, i, o: caught.update({layer: o.clone()}))
    with torch.inference_mode():
        output = net(pixels(source))
    return caught.get(layer, output)


@pytest.mark.parametrize("name", PATCHES)
def test_embeddings_are_what_the_module_gives(name):
    layers = ("output",) if name == "compiled in place" else ("output", "one", "two")
    views = [(layer, how) for layer in layers for how in ("avg", "max")]
    for layer, pooling in views:
        net = patched(name)
        source = resolve_backbone(net, image_size=32)
        expected = reference(net, layer, source)
        if expected.ndim == 4:
            expected = expected.mean((2, 3)) if pooling == "avg" else expected.amax((2, 3))
        options = {"layer": layer, "pooling": pooling, "image_size": 32, "cache": None}
        if name in ("method", "function") and layer == "two":
            with pytest.raises(LayerError, match="'two' is not called"):
                CNNFeatureTransformer(patched(name), **options).fit_transform(IMAGES)
            continue
        given = CNNFeatureTransformer(patched(name), **options).fit_transform(IMAGES)
        np.testing.assert_allclose(given, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PATCHES)
def test_both_parts_of_a_fine_tuned_network_give_what_the_module_gives(name):
    net = patched(name)
    source = resolve_backbone(net, image_size=32)
    trunk = Trunk.cut(source, ("output", "avg"), trainable_stages=["one" if name in ("method", "function") else "head"])
    images = pixels(source)
    with torch.inference_mode():
        given, expected = trunk.features(trunk.lower(images, "float32")), net(images)
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)


def test_a_fine_tuned_network_predicts_with_its_patches():
    options = {"image_size": 32, "layer": "output", "cache": None, "augmentation": "none", "early_stopping": False}
    model = CNNFineTuneClassifier(patched("hook"), trainable_stages=["head"], epochs=1, batch_size=2, **options)
    plain = CNNFineTuneClassifier(Net(), trainable_stages=["head"], epochs=1, batch_size=2, **options)
    model.fit(IMAGES, LABELS)
    plain.fit(IMAGES, LABELS)
    assert model.state_
    network = model.network().build()
    assert network._forward_hooks
    with torch.inference_mode():
        features = network(pixels(model.source()))
    source = model.network().source
    given = Backbone(source.name, source.build(), source.architecture, "cpu", is_custom=True)
    torch.testing.assert_close(
        given.embed(torch.stack([source.preprocessing.apply(i) for i in IMAGES]), [("output", "avg")],
                    preprocessing=source.preprocessing)[0],
        features, rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_a_copy_does_not_reach_back_into_the_module():
    net = patched("around").train()
    source = resolve_backbone(net, image_size=32)
    before = source.load("cpu").embed(
        torch.zeros((1, 3, 32, 32), dtype=torch.uint8), [("output", "avg")], preprocessing=source.preprocessing
    )[0]
    statistics = net.one.norm.running_mean.clone()
    with torch.no_grad():
        net.head.weight.zero_()
    after = source.load("cpu").embed(
        torch.zeros((1, 3, 32, 32), dtype=torch.uint8), [("output", "avg")], preprocessing=source.preprocessing
    )[0]
    assert torch.equal(before, after)
    assert torch.equal(net.one.norm.running_mean, statistics)
    assert net.training


def by_global(net):
    names = {"net": net, "nn": nn}
    exec("forward = lambda x: nn.functional.normalize(net.head(net.two(net.one(x)).mean((2, 3))))", names)
    net.forward = names["forward"]


def by_default(net):
    net.forward = lambda x, old=net.forward: nn.functional.normalize(old(x))


def by_keyword(net):
    def forward(x, *, old=(net.forward,)):
        return nn.functional.normalize(old[0](x))

    net.forward = functools.partial(forward)


def by_bound_method(net):
    class Other:
        def __init__(self):
            self.net = net

        def forward(self, x):
            return nn.functional.normalize(Net.forward(self.net, x))

    net.forward = Other().forward


def by_object(net):
    held = types.SimpleNamespace(net=net)
    net.forward = lambda x: nn.functional.normalize(Net.forward(held.net, x))


def by_class_attribute(net):
    class Holder:
        held = net

    exec(
        "forward = lambda x: normalize(call(Holder.held, x))",
        names := {"Holder": Holder, "call": Net.forward, "normalize": nn.functional.normalize},
    )
    net.forward = names["forward"]


def by_class(net):
    class Reaching(Net):
        def forward(self, x):
            return nn.functional.normalize(Net.forward(net, x))

    net.__class__ = Reaching


@pytest.mark.parametrize(
    "patch", [by_global, by_default, by_keyword, by_bound_method, by_object, by_class_attribute, by_class]
)
def test_a_patch_that_reaches_the_module_leaves_it_alone_and_is_honoured(patch):
    net = Net()
    patch(net)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    given = CNNFeatureTransformer(net, layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    assert all(part.training for part in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    expected = reference(net.eval(), "output", resolve_backbone(net, image_size=32))
    np.testing.assert_allclose(given, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_module_outside_is_in_evaluation_mode_while_the_network_computes():
    norm = nn.BatchNorm2d(3)

    class Using(Net):
        def forward(self, x):
            return super().forward(norm(x) * 2)

    given = CNNFeatureTransformer(Using(), layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    assert norm.training
    assert norm.num_batches_tracked == 0
    norm.eval()
    expected = reference(Using().eval(), "output", resolve_backbone(Using(), image_size=32))
    np.testing.assert_allclose(given, expected.numpy(), rtol=1e-4, atol=1e-5)


class Forgetful:
    def __init__(self, k):
        self.k = k

    def __reduce__(self):
        return Forgetful, (1,)


class Faithful(Forgetful):
    def __deepcopy__(self, memo):
        return Faithful(self.k)


class Holding(Net):
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


def test_what_tracing_would_fix_is_left_to_the_module():
    class Drawing(Net):
        def forward(self, x):
            return super().forward(x) * random.random()

    for kind in (counting, lambda net: setattr(net, "__class__", Drawing)):
        net = Net()
        kind(net)
        source = resolve_backbone(net, image_size=32)
        backbone = source.load("cpu")
        images = torch.zeros((2, 3, 32, 32), dtype=torch.uint8)
        given = [backbone.embed(images, [("output", "avg")], preprocessing=source.preprocessing)[0] for _ in range(2)]
        assert not torch.allclose(*given)


def test_a_layer_of_a_graph_that_is_not_used_is_refused_with_the_layers_there_are():
    net = Net()
    looking(net)
    with pytest.raises(LayerError, match=r"no layer 'mean'. Its stages are one, two, drop, head"):
        CNNFeatureTransformer(net, layer="mean", image_size=32, cache=None).fit_transform(IMAGES)


def test_a_graph_that_fails_prints_nothing(capsys):
    class Folding(Net):
        def forward(self, x):
            return super().forward(x).reshape(7 if isinstance(x, torch.fx.Proxy) else len(x), -1)

    given = CNNFeatureTransformer(Folding(), layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    assert given.shape == (4, 5)
    assert capsys.readouterr() == ("", "")


def test_data_decides_a_branch():
    class Branching(Net):
        def forward(self, x):
            return super().forward(x if x.mean() > 0 else -x)

    net = Branching().eval()
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = net(pixels(source)).numpy()
    given = CNNFeatureTransformer(net, image_size=32, cache=None).fit_transform(IMAGES)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)


class TwoArguments(Net):
    def forward(self, x, mask):
        return super().forward(x * mask)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_of_another_precision_is_given_images_of_it(dtype):
    net = Net().eval().to(dtype)
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = net(pixels(source).to(dtype)).float().numpy()
    given = CNNFeatureTransformer(net, layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    np.testing.assert_array_equal(given, expected)


class Parts(Net):
    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        y = super().forward(x)
        return self.wrap(2 * y, y)


Pair = collections.namedtuple("Pair", ["first", "second"])


@dataclasses.dataclass
class Fields:
    first: torch.Tensor
    second: torch.Tensor


PARTS = {
    "dict": (lambda a, b: {"first": a, "second": b}, "second"),
    "tuple": (lambda a, b: (a, b), "1"),
    "named": (Pair, "second"),
    "dataclass": (Fields, "second"),
    "nested": (lambda a, b: {"all": [a, (b, None)]}, "all.1.0"),
}


@pytest.mark.parametrize(("wrap", "part"), PARTS.values(), ids=PARTS)
def test_a_part_of_what_a_module_returns_is_a_layer(wrap, part):
    torch.manual_seed(0)
    net = Parts(wrap).eval()
    transformer = CNNFeatureTransformer(net, layer=f"output.{part}", image_size=32, cache=None)
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = Net.forward(net, pixels(source)).numpy()
    np.testing.assert_allclose(transformer.fit_transform(IMAGES), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(LayerError, match=rf"gives an object of type \w+, not a tensor\. Choose one .*'output\.{part}'"):
        transformer.set_params(layer=None).fit_transform(IMAGES)
    with pytest.raises(LayerError, match=r"the output of .* has no part 'third'"):
        transformer.set_params(layer="output.third").fit_transform(IMAGES)


def test_complex_numbers_are_no_embedding():
    class Spectrum(Net):
        def forward(self, x):
            return torch.fft.fft(super().forward(x))

    transformer = CNNFeatureTransformer(Spectrum(), layer="output", image_size=32, cache=None)
    with pytest.raises(LayerError, match="complex64, not real numbers"):
        transformer.fit_transform(IMAGES)


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


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_old_weight_norm_works():
    net = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = net(pixels(source)).numpy()
    given = CNNFeatureTransformer(net, layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)
