"""Promised: every network gives its stages, its documented width and one embedding for one set of weights."""

import copy
import enum
import hashlib
import importlib.util
import os
import pickle
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torchvision import models

from featx.exceptions import BackboneError, LayerError, MissingDependencyError, ParameterError, WeightsError
from featx.extraction.extract import extract_embeddings
from featx.extraction.transformer import CNNFeatureTransformer
from featx.images.preprocessing import IMAGENET
from featx.images.sources import as_sources
from featx.networks.backbone import Backbone
from featx.networks.device import resolve_device, resolve_precision
from featx.networks.resolve import list_backbones, resolve_backbone
from featx.networks.weights import published_weights

COMPUTED = [
    "efficientnet_lite0",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "resnet18",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "squeezenet1_1",
    "swin_t",
]
PIXELS = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def backbone_of(source, device="cpu"):
    return Backbone(source.name, source.build(), source.architecture, device)


def embed(source, view=(None, "auto"), pixels=PIXELS, **options):
    views = [source.view(*view)]
    return backbone_of(source).embed(pixels, views, preprocessing=source.preprocessing, **options)[0].numpy()


def squeezenet(**options):
    return resolve_backbone("squeezenet1_1", **{"weights": None, "image_size": 64, **options})


@pytest.fixture
def unallocated(monkeypatch):
    """Drop the values of parameters as they are created, so that huge networks cost nothing."""
    register = nn.Module.register_parameter

    def on_meta(self, name, parameter):
        register(self, name, None if parameter is None else nn.Parameter(parameter.to("meta")))

    monkeypatch.setattr(nn.Module, "register_parameter", on_meta)


def graph_places(backbone):
    """Where in the graph the stages end."""
    nodes = backbone.layers()
    ends = [backbone.architecture.node(stage) for stage in backbone.stages]
    return [max(i for i, node in enumerate(nodes) if f"{node}.".startswith(f"{end}.")) for end in ends]


def assert_is_as_documented(name, device, image_size):
    source = resolve_backbone(name, weights=None, image_size=image_size)
    backbone = backbone_of(source, device)
    poolings = ("avg", "max", "avgmax", "gem")
    views = [source.view(None, "auto"), *((stage, how) for stage in backbone.stages for how in poolings)]
    side = source.preprocessing.crop
    default, *others = backbone.embed(
        torch.zeros((1, 3, side, side), dtype=torch.uint8), views, preprocessing=source.preprocessing
    )
    assert default.shape == (1, source.architecture.width)
    places = graph_places(backbone)
    assert places == sorted(set(places))
    for avg, largest, both, gem in zip(*[iter(others)] * 4, strict=True):
        assert avg.shape == largest.shape == gem.shape
        assert both.shape[1] in (avg.shape[1], 2 * avg.shape[1])
    assert device == "meta" or all(output.isfinite().all() for output in (default, *others))


@pytest.mark.parametrize("name", COMPUTED)
def test_small_networks_give_their_stages_and_width(name):
    assert_is_as_documented(name, "cpu", 64)


# One of each family and kind of graph; their sisters, seconds each though nothing is allocated, are in the long form.
SAMPLED = {"alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
           "inception_v3", "maxvit_t", "mnasnet1_3", "regnet_y_16gf", "resnet50", "resnext50_32x4d",
           "shufflenet_v2_x2_0", "swin_v2_t", "vgg11", "vgg16_bn", "vit_b_32", "wide_resnet50_2"}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in SAMPLED else [pytest.mark.long])
        for name in list_backbones()
        if name not in COMPUTED
    ],
)
def test_large_networks_have_their_stages_and_width(name, unallocated):
    assert_is_as_documented(name, "meta", None)


def test_width_agrees_with_the_embedding():
    source = squeezenet()
    for view in [("features.5", "flatten"), ("stem", "avgmax"), ("output", "avg")]:
        width = backbone_of(source).width(view, preprocessing=source.preprocessing)
        assert width == embed(source, view).shape[1]


def test_a_size_that_the_network_refuses_is_named(unallocated):
    source = resolve_backbone("vit_b_32", weights=None)
    with pytest.raises(BackboneError, match=r"vit_b_32 fails on images of 64 x 64 pixels.*image_size"):
        backbone_of(source, "meta").embed(PIXELS, [("stem", "avg")], preprocessing=source.preprocessing)


def test_unknown_names_suggest_known_ones():
    with pytest.raises(BackboneError, match=r"'resnet_50'.*Did you mean.*resnet50"):
        resolve_backbone("resnet_50")
    with pytest.raises(ParameterError, match="type int"):
        resolve_backbone(50)


def test_layer_errors_name_the_stages():
    with pytest.raises(LayerError, match=r"no layer 'layer9'.*stages are stem, layer1, layer2, layer3, layer4"):
        embed(resolve_backbone("resnet18", weights=None), ("layer9", "avg"))


def test_poolings_are_checked():
    with pytest.raises(ParameterError, match=r"pooling='mean'.*auto, avg"):
        squeezenet().view(None, "mean")
    with pytest.raises(LayerError, match="no class token"):
        embed(squeezenet(), (None, "cls"))


def test_devices_and_precisions_are_checked():
    assert resolve_device("cpu") == "cpu"
    for device in ("tpu9", "cuda:99", "nonsense"):
        with pytest.raises(ParameterError, match=f"device='{device}'"):
            resolve_device(device)
    with pytest.raises(ParameterError, match=r"float64.*bfloat16"):
        resolve_precision("float64")


def test_bfloat16_is_near_and_has_its_own_spec():
    source = squeezenet()
    full, half = embed(source), embed(source, precision="bfloat16")
    assert half.dtype == np.float32
    assert not np.array_equal(full, half)
    assert (full * half).sum() / np.linalg.norm(full) / np.linalg.norm(half) > 0.99
    view = source.view(None, "auto")
    assert source.spec(view, "float32").digest != source.spec(view, "bfloat16").digest


def test_random_weights_follow_their_seed_and_leave_torchs_generator_alone():
    state = torch.get_rng_state()
    first, again, other = squeezenet(), squeezenet(), squeezenet(random_state=1)
    assert np.array_equal(embed(first), embed(again))
    assert not np.allclose(embed(first), embed(other))
    assert first.weights_digest == again.weights_digest != other.weights_digest
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("name", "weight", "deviation"),
    [
        ("inception_v3", "Conv2d_2b_3x3.conv.weight", 0.1),
        ("googlenet", "inception4a.branch1.conv.weight", 0.01),
        # The square root of 2 / 320, and of 2 / (25 * 192 / 192).
        ("efficientnet_lite0", "stage7.0.project.conv.weight", 0.0791),
        ("efficientnet_lite0", "stage6.1.depthwise.conv.weight", 0.2828),
    ],
)
def test_random_weights_are_drawn_as_the_network_was_published(name, weight, deviation):
    source = resolve_backbone(name, weights=None)
    assert float(source.build().state_dict()[weight].std()) == pytest.approx(deviation, rel=0.05)
    # It is another network than the one that was drawn in PyTorch's way, so it has another digest.
    assert ";initialisation=" in source.weights_digest


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "timm:resnet10t"])
def test_the_digest_of_other_random_weights_stays(name):
    pytest.importorskip("timm")
    digest = resolve_backbone(name, weights=None, random_state=3).weights_digest
    assert digest == f"random;seed=3;torch={version('torch')};torchvision={version('torchvision')}"


def test_the_embedded_network_is_initialised_as_timms():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    reference = timm.create_model("tf_efficientnet_lite0", num_classes=1000).state_dict().values()
    own = resolve_backbone(weights=None).build().state_dict().values()
    for mine, theirs in zip(own, reference, strict=True):
        if mine.ndim > 1:
            assert float(mine.std()) == pytest.approx(float(theirs.std()), rel=0.25)
        else:
            assert torch.equal(mine, theirs)


def test_the_embedded_network_agrees_with_timms():
    timm = pytest.importorskip("timm")
    source = resolve_backbone()
    backbone = backbone_of(source)
    values = backbone.module.state_dict().values()
    reference = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    own = [*values][:-2]
    reference.load_state_dict(dict(zip(reference.state_dict(), own, strict=True)))
    for size in (224, 197):
        pixels = torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8)
        got = backbone.embed(pixels, [source.view(None, "auto")], preprocessing=source.preprocessing)[0]
        with torch.inference_mode():
            torch.testing.assert_close(got, reference(source.preprocessing.normalise(pixels)), atol=1e-4, rtol=0)


def test_photographs_get_their_imagenet_class(photos):
    classes = {
        "china": {698},
        "flower": {985},
        "chelsea": {281, 282, 285},
        "coffee": {967},
        "rocket": {657, 744},
        "camera": {872},
        "motorcycle": {665, 670},
    }
    source = resolve_backbone()
    images = as_sources([photos[name] for name in classes])
    scores = extract_embeddings(images, source, views=[source.view("output", "auto")], cache=None).embeddings[0]
    assert [name for name, row in zip(classes, scores, strict=True) if row.argmax() not in classes[name]] == []


def save(state, path):
    (safetensors.torch.save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_local_files_give_the_embedding_of_their_network(tmp_path, suffix):
    path = save(squeezenet().build().state_dict(), tmp_path / f"net{suffix}")
    for weights in (path, str(path)):
        assert np.array_equal(embed(squeezenet(weights=weights)), embed(squeezenet()))


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


def test_weights_of_another_network_are_refused_with_the_first_differing_keys(tmp_path):
    path = save(models.resnet18().state_dict(), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"do not fit squeezenet1_1: features\.0\.weight is missing.* more"):
        squeezenet(weights=path).build()
    state = squeezenet().build().state_dict()
    del state["features.3.squeeze.bias"]
    with pytest.raises(
        WeightsError, match=r"features\.3\.squeeze\.bias is missing; 49 of 50 tensors match\. Pass the backbone"
    ):
        squeezenet(weights=save(state, path)).build()
    state["features.3.squeeze.bias"] = torch.zeros(3)
    with pytest.raises(WeightsError, match=r"features\.3\.squeeze\.bias is \(3,\), the network's is \(16,\)"):
        squeezenet(weights=save(state, path)).build()


class Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("dump", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))])
def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path, dump):
    target = tmp_path / "ran"
    dump({"features.0.weight": Evil(str(target))}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"net\.pth.*refused"):
        squeezenet(weights=tmp_path / "net.pth").build()
    assert not target.exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_and_absent_files_are_named(tmp_path, suffix):
    path = save(squeezenet().build().state_dict(), tmp_path / f"net{suffix}")
    os.truncate(path, 10_000)
    with pytest.raises(WeightsError, match=f"cannot read the weights .*net{suffix}"):
        squeezenet(weights=path).build()
    path.unlink()
    with pytest.raises(WeightsError, match=f"cannot read the weights .*net{suffix}: No such file"):
        squeezenet(weights=path)
    save({"a": torch.zeros(1), "b": {}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="do not fit squeezenet1_1"):
        squeezenet(weights=tmp_path / "other.pth").build()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Torch's folder of downloads, without a network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(*args, **options):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_unknown_published_weights_name_the_known():
    with pytest.raises(WeightsError, match=r"'IMAGENET1K_V9'.*; it has IMAGENET1K_V1, IMAGENET1K_V2"):
        resolve_backbone("resnet50", weights="IMAGENET1K_V9")
    with pytest.raises(WeightsError, match="efficientnet_lite0 has no weights 'V2'"):
        resolve_backbone(weights="V2")


def test_a_download_that_fails_says_which_file_to_put_where(hub):
    with pytest.raises(WeightsError, match=r"resnet18-f37072fd.pth.*no route to host") as caught:
        resolve_backbone("resnet18")
    assert f"put it into {hub}" in str(caught.value)


def test_a_server_of_weights_that_sends_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("featx.networks.weights.STALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        entry = SimpleNamespace(url=f"http://127.0.0.1:{server.getsockname()[1]}/net-01234567.pth", name="DEFAULT")
        with pytest.raises(WeightsError, match=r"cannot download net-01234567.pth.*timed out"):
            published_weights("net", entry)
    assert socket.getdefaulttimeout() is None


def test_a_published_file_with_other_content_is_refused(hub):
    (hub / "resnet18-f37072fd.pth").write_bytes(b"not the real thing")
    with pytest.raises(WeightsError, match="not the file that torchvision published"):
        resolve_backbone("resnet18", weights="IMAGENET1K_V1")


def test_a_published_file_that_is_there_is_used(hub, tmp_path, monkeypatch):
    path = save(squeezenet().build().state_dict(), tmp_path / "net.pth")
    name = f"squeezenet1_1-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    path.rename(hub / name)
    preset = models.SqueezeNet1_1_Weights.DEFAULT.transforms
    entry = SimpleNamespace(url=f"https://host/{name}", name="DEFAULT", transforms=preset)
    monkeypatch.setattr("featx.networks.resolve.weights_entry", lambda *args: entry)
    assert np.array_equal(embed(squeezenet(weights="DEFAULT")), embed(squeezenet()))


class Net(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.register_buffer("shift", torch.zeros(1), persistent=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 3)
        self.scale = scale

    def forward(self, x):
        x = self.features(x * self.scale + self.shift)
        return self.head(self.pool(x + x).flatten(1))


class Branching(Net):
    def forward(self, x):
        return super().forward(x if x.mean() > 0 else -x)


def net(kind=Net, **options):
    torch.manual_seed(0)
    return kind(**options)


def test_a_module_is_cut_before_its_final_pooling():
    module = net()
    with torch.inference_mode():
        pixels = IMAGENET.normalise(PIXELS)
        expected = 2 * copy.deepcopy(module).eval().features(pixels).mean((2, 3)).numpy()
    assert resolve_backbone(module).architecture.default_layer == "add_1"
    assert np.allclose(embed(resolve_backbone(module)), expected, rtol=1e-4, atol=1e-5)
    named = resolve_backbone("resnet18", weights=None)
    assert np.allclose(embed(resolve_backbone(named.build())), embed(named), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [Net, Branching])
@pytest.mark.parametrize(("layer", "width"), [("features", 8), ("features.0", 8), ("output", 3)])
def test_modules_are_read_at_submodules_traceable_or_not(kind, layer, width):
    assert embed(resolve_backbone(net(kind)), (layer, "avg")).shape == (2, width)


def test_a_module_that_cannot_be_traced_gives_its_output_and_names_its_layers():
    source = resolve_backbone(net(Branching))
    assert embed(source).shape == (2, 3)
    assert backbone_of(source).layers() == ["features", "features.0", "features.1", "features.2", "pool", "head"]
    with pytest.raises(LayerError, match=r"no layer 'feature'.*Did you mean features"):
        embed(source, ("feature", "avg"))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.relu = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x, scale=None):
        if scale is not None:
            x = x * scale
        x = self.conv(x)
        x.mul_(2)
        return nn.functional.relu(self.norm(self.relu(x)) - 1, inplace=True)


def test_a_view_is_the_same_whatever_other_views_share_its_pass():
    source = resolve_backbone(net(InPlace))
    views = [(layer, "avg") for layer in ("conv", "relu", "norm", "sub", "output")]
    together = backbone_of(source).embed(PIXELS, views, preprocessing=source.preprocessing)
    for view, rows in zip(views, together, strict=True):
        assert np.allclose(embed(source, view), rows, rtol=1e-4, atol=1e-6)


def test_a_cut_module_computes_what_the_whole_one_does():
    module = net(InPlace).eval()
    with torch.inference_mode():
        expected = module(IMAGENET.normalise(PIXELS)).mean((2, 3)).numpy()
    for layer in ("relu_1", "output"):
        assert np.allclose(embed(resolve_backbone(module), (layer, "avg")), expected, rtol=1e-4, atol=1e-6)


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


def test_weights_beside_a_module_are_refused():
    with pytest.raises(ParameterError, match="beside a module"):
        resolve_backbone(net(), weights=None)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_timm_networks_embed_with_their_num_features(name, tmp_path):
    timm = pytest.importorskip("timm")
    source = resolve_backbone(f"timm:{name}", weights=None)
    pixels = torch.zeros((1, 3, 160, 160), dtype=torch.uint8)
    width = timm.create_model(name).num_features
    assert embed(source, pixels=pixels).shape == (1, width)
    path = save(timm.create_model(name).state_dict(), tmp_path / "net.safetensors")
    assert embed(resolve_backbone(f"timm:{name}", weights=path), pixels=pixels).shape == (1, width)


def test_unknown_timm_networks_suggest_known_ones():
    pytest.importorskip("timm")
    with pytest.raises(BackboneError, match=r"'resnet51'.*Did you mean"):
        resolve_backbone("timm:resnet51")


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingDependencyError, match=r"timm:resnet18 needs timm.*featx\[timm\]"):
        resolve_backbone("timm:resnet18")


def test_a_vision_transformer_takes_other_image_sizes(unallocated):
    """From files too: test_weight_files.py."""
    small = resolve_backbone("vit_b_32", weights=None, image_size=64)
    assert small.build().encoder.pos_embedding.shape == (1, 5, 768)
    assert small.weights_digest != resolve_backbone("vit_b_32", weights=None).weights_digest
    with pytest.raises(BackboneError, match=r"got image_size=65; vit_b_32 takes multiples of 32. Choose 64"):
        resolve_backbone("vit_b_32", weights=None, image_size=65)


class Mixing(torch.nn.Module):
    """A network that does not keep the images apart."""

    def __init__(self, mix):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3)
        self.mix = mix

    def forward(self, x):
        x = self.convolution(x)
        return {"first": x[0], "mean": x.mean(0), "twice": torch.cat([x, x])}[self.mix]


@pytest.mark.parametrize("mix", ["first", "mean", "twice"])
def test_a_network_that_gives_other_than_one_output_for_each_image_is_refused(mix):
    images = [np.full((32, 32, 3), value, np.uint8) for value in (0, 80, 160, 240)]
    transformer = CNNFeatureTransformer(Mixing(mix), image_size=32, cache=None, layer="output", pooling="flatten")
    with pytest.raises(LayerError, match=r"outputs for 1 image.*first axis counts the images"):
        transformer.fit_transform(images)


class Named(str, enum.Enum):  # noqa: UP042 - a StrEnum writes itself as its text
    AVG = "avg"
    HEAD = "head"
    CPU = "cpu"
    SQUASH = "squash"
    FLOAT32 = "float32"
    NETWORK = "efficientnet_lite0"


def test_texts_of_an_enum_are_the_texts_that_they_are():
    plain = resolve_backbone(resize="squash")
    named = resolve_backbone(Named.NETWORK, resize=Named.SQUASH)
    view = named.view(Named.HEAD, Named.AVG)
    assert [type(name) for name in view] == [str, str]
    assert named.spec(view, resolve_precision(Named.FLOAT32)).digest == plain.spec(("head", "avg"), "float32").digest
    assert resolve_device(Named.CPU) == "cpu"
    assert type(resolve_device(Named.CPU)) is str
