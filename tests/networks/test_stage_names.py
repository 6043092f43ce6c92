"""Promised: a mistyped stage suggests the one that was meant, and no node of a graph is taken for one."""

import pytest

from featx.networks.architectures import architecture_of, torchvision_names
from featx.networks.stage_names import mistyped_stage

QUICK = ("shufflenet_v2_x0_5", "regnet_y_400mf")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in torchvision_names()]
)
def test_no_node_of_a_graph_is_taken_for_a_stage_mistyped(name):
    import torch
    from torchvision import models

    from featx.torch_modules.graphs import layer_names

    own = {"init_weights": False, "aux_logits": True} if name in ("inception_v3", "googlenet") else {}
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        module = models.get_model(name, weights=None, **own).eval()
    names = {name for name, _ in module.named_modules()} | set(layer_names(module))
    assert [node for node in names if mistyped_stage(architecture_of(name), node)] == []


@pytest.mark.parametrize(
    ("backbone", "layer", "meant"),
    [
        ("resnet18", "layer5", "layer4"),
        ("resnet18", "Layer3", "layer3"),
        ("vgg16", "block6", "block5"),
        ("inception_v3", "Mixed_7d", "Mixed_7c"),
        ("densenet121", "denseblok2", "denseblock2"),
        ("efficientnet_lite0", "stem1", ""),
        ("shufflenet_v2_x1_0", "conv1", ""),
        ("resnet18", "layer3.0", ""),
        ("resnet18", "layer3", ""),
    ],
)
def test_stages_mistyped_are_told_from_nodes(backbone, layer, meant):
    hint = mistyped_stage(architecture_of(backbone), layer)
    assert meant in hint
    assert bool(hint) == bool(meant)
