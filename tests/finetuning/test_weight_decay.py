"""Promised: weight decay is for kernels and matrices, and spares whatever else a network learns."""

import pytest
import torch
from torch import nn
from torchvision import models

from featx import CNNFineTuneClassifier
from featx.finetuning.head import DenseHead
from featx.finetuning.optimization import make_optimizer
from featx.finetuning.settings import TrainingSettings
from featx.finetuning.trunk import Trunk
from featx.finetuning.weight_decay import decayed_parameters
from featx.networks.resolve import resolve_backbone


def names_of(module):
    return [name for name, _ in module.named_parameters()]


def spared(module):
    """Return the last parts of the names of spared tensors that have more than one dimension."""
    decayed = set(decayed_parameters(module, names_of(module)))
    return sorted(n.rpartition(".")[2] for n, p in module.named_parameters() if p.ndim > 1 and n not in decayed)


def build(name):
    if name.startswith("timm:"):  # whose versions before 1.0.22 cannot build all of them without values
        return pytest.importorskip("timm").create_model(name[5:])
    with torch.device("meta"):
        return models.get_model(name, weights=None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", {}),
        ("convnext_tiny", {"layer_scale": 18}),
        ("vit_b_32", {"class_token": 1, "pos_embedding": 1}),
        ("swin_t", {"relative_position_bias_table": 12}),
        ("swin_v2_t", {"logit_scale": 12}),
        ("timm:levit_128s", {"attention_biases": 11}),
        ("timm:mvitv2_tiny", {"rel_pos_h": 10, "rel_pos_w": 10}),
        ("timm:xcit_tiny_12_p8_224", {"cls_token": 1, "temperature": 12}),
        # Its position embedding is a convolution, which only its own list can tell.
        ("timm:twins_svt_small", {"weight": 4}),
    ],
)
def test_published_networks(name, expected):
    module = build(name)
    found = spared(module)
    assert {key: found.count(key) for key in set(found)} == expected
    decayed = decayed_parameters(module, names_of(module))
    assert len(decayed) == sum(p.ndim > 1 for p in module.parameters()) - len(found)
    assert not any(name.endswith(".bias") for name in decayed)


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.narrow = nn.Conv2d(1, 1, (1, 3))
        self.one = nn.Linear(4, 1)
        self.places = nn.Embedding(9, 4)
        self.map_norm = nn.LayerNorm((4, 4))
        self.attention = nn.MultiheadAttention(4, 2)
        self.ls = nn.Parameter(torch.ones(1, 1, 4))
        self.cls_token = nn.Parameter(torch.zeros(2, 4))
        self.mixing = nn.Parameter(torch.zeros(4, 4))
        self.exempt = nn.Parameter(torch.zeros(4, 4))

    def no_weight_decay(self):
        return {"exempt"}


def test_parameters_of_ones_own_are_told_by_what_holds_them_by_shape_and_by_name():
    module = Own()
    assert set(decayed_parameters(module, names_of(module))) == {
        "narrow.weight",
        "one.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "mixing",
    }
    inside = nn.Sequential(module)
    assert "0.exempt" not in decayed_parameters(inside, names_of(inside))


def test_only_the_asked_for_names_come_back_in_their_order():
    module = build("resnet18")
    names = ["layer4.1.conv2.weight", "layer4.1.bn2.weight", "layer4.0.conv1.weight"]
    assert decayed_parameters(module, names) == ["layer4.1.conv2.weight", "layer4.0.conv1.weight"]


def test_a_spared_tensor_without_a_gradient_stays_where_it_is():
    source = resolve_backbone("convnext_tiny", weights=None, image_size=32)
    trunk = Trunk.cut(source, source.view(None, "auto"), trainable_stages=1)
    settings = TrainingSettings.of(CNNFineTuneClassifier(learning_rate=0.1, weight_decay=0.5))
    settings = settings.resolved(from_scratch=False, begins_at_random=False)
    before = {name: value.clone() for name, value in trunk.state().items()}
    optimizer = make_optimizer(
        settings, [(trunk.module, trunk.trained, 0.1), (DenseHead(4, 2), ["output.weight"], 0.3)]
    )
    for group in optimizer.param_groups:
        for tensor in group["params"]:
            tensor.grad = torch.zeros_like(tensor)
    optimizer.step()
    shrunk = {name for name, value in trunk.state().items() if not torch.equal(value, before[name])}
    assert shrunk == {name for name in trunk.trained if name.endswith("weight") and before[name].ndim > 1}
    assert sum(name.endswith("layer_scale") for name in trunk.trained) == 3
