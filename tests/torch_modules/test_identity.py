"""Promised: two networks that compute different things never share rows, and equal ones do, in every process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from featx import CNNFeatureTransformer
from featx.networks.resolve import resolve_backbone
from featx.process import forget
from own_networks import UNDERSTOOD, UNKNOWN, module_of, noisy

HERE = Path(__file__).parent
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def source_of(text, value=1, **options):
    return resolve_backbone(module_of(text, value, **options), image_size=32)


def digest_of(text, value=1, **options):
    return source_of(text, value, **options).weights_digest


def all_digests():
    """Print the digest of every network; made in a process of its own."""
    print(json.dumps({name: digest_of(text) for name, text in (UNDERSTOOD | UNKNOWN).items()}))


@pytest.fixture(scope="module")
def elsewhere():
    """The digests in a process that hashes in another order."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    code = "from test_identity import all_digests; all_digests()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def expected(module):
    source = resolve_backbone(module, image_size=32)
    pixels = torch.stack([source.preprocessing.apply(image) for image in IMAGES])
    with torch.inference_mode():
        return module.eval()(source.preprocessing.normalise(pixels)).numpy()


def given(module, **options):
    options = {"layer": "output", "image_size": 32, "cache": None, **options}
    return CNNFeatureTransformer(module, **options).fit_transform(IMAGES)


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_an_edit_changes_the_digest_and_nothing_else_does(name, elsewhere):
    text = UNDERSTOOD[name]
    first = source_of(text)
    assert first.unknown == ()
    assert digest_of(text, 9) != first.weights_digest
    assert digest_of(text) == first.weights_digest
    assert digest_of(noisy(text), name="another_name") == first.weights_digest
    assert elsewhere[name] == first.weights_digest


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_each_of_two_networks_gets_its_own_embeddings(name):
    results = []
    for value in (1, 9):
        module = module_of(UNDERSTOOD[name], value)
        results.append(given(module))
        np.testing.assert_allclose(results[-1], expected(module), rtol=1e-4, atol=1e-5)
    assert not np.allclose(*results, atol=1e-4)


@pytest.mark.filterwarnings("ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_understood_is_named_and_kept_apart(name, elsewhere, caplog, monkeypatch):
    forget("remarks")
    text = UNKNOWN[name]
    first = source_of(text)
    assert first.unknown
    assert f"Net holds objects that featx does not understand: {first.unknown[0]}" in caplog.text
    assert "cache_key=" in caplog.text
    assert len({first.weights_digest, digest_of(text, 9), digest_of(text), elsewhere[name]}) == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net, "k", 9),
        lambda net: setattr(sys.modules["users_network"], "K", 9),
        lambda net: setattr(type(net), "K2", 9),
        lambda net: setattr(sys.modules["users_network"], "twist", lambda y: y * 9),
        lambda net: net.c.weight.data.add_(1),
        lambda net: net.register_forward_hook(lambda m, i, o: o * 9),
        lambda net: setattr(net, "forward", lambda x: net.pooled(x) * 9),
        lambda net: setattr(net.c, "stride", (2, 2)),
        lambda net: setattr(sys.modules["users_helpers"], "K", 9),
    ],
    ids=["attribute", "global", "class", "helper", "weights", "hook", "forward", "stride", "module"],
)
def test_a_change_between_fit_and_transform_is_noticed(change):
    text = """
import users_helpers
K = 1
def twist(y): return y
class Net(Base):
    K2 = 1
    def __init__(self):
        super().__init__()
        self.k = 1
    def forward(self, x): return twist(self.pooled(x)) * self.k * K * self.K2 * users_helpers.K
"""
    net = module_of(text, 1)
    transformer = CNNFeatureTransformer(net, layer="output", image_size=32).fit(IMAGES)
    before = transformer.transform(IMAGES)
    change(net)
    after = transformer.transform(IMAGES)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, expected(net), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("where", "replacement"),
    [
        ("torch.nn.functional.relu", lambda x, inplace=False: x * 9),
        ("torch.nn.functional.relu", F.silu),
        ("torch.nn.ReLU.forward", lambda self, x: x * 9),
        ("torch.tanh", lambda x: x * 9),
        ("torch.tanh", torch.sigmoid),
        ("torch.Tensor.mean", lambda self, dim: self.amax(dim)),
        ("torch.nn.modules.conv._reverse_repeat_tuple", lambda t, n: t),
    ],
)
def test_a_library_function_that_the_user_has_replaced_counts(monkeypatch, where, replacement):
    text = "class Net(Base):\n    def __init__(self):\n        super().__init__()\n        self.r = nn.Sequential("
    text += "nn.ReLU(), nn.Tanh())\n    def forward(self, x): return self.r(self.pooled(x))"
    before = digest_of(text)
    monkeypatch.setattr(where, replacement)
    assert digest_of(text) != before
    module = module_of(text, 1)
    np.testing.assert_allclose(given(module), expected(module), rtol=1e-4, atol=1e-5)


def test_hooks_of_all_modules_count_and_are_honoured():
    text = "class Net(Base):\n    def forward(self, x): return self.pooled(x)"
    before = digest_of(text)
    handle = nn.modules.module.register_module_forward_hook(lambda m, i, o: o * 2)
    try:
        assert digest_of(text) != before
        module = module_of(text, 1)
        np.testing.assert_allclose(given(module), expected(module), rtol=1e-4, atol=1e-5)
    finally:
        handle.remove()


def test_code_that_takes_no_part_is_not_a_reason():
    text = """
import os, random
class Net(Base):
    def __init__(self):
        super().__init__()
        self.seed = random.Random(0).random()
    def forward(self, x): return self.pooled(x) * VALUE
    def load(self, path):
        with open(os.fspath(path)) as file: return eval(file.read())
"""
    assert source_of(text).unknown == ()
