"""Promised: the parameters up to a layer are counted, all of a module that cannot be traced."""

from backbones import Branching, net
from featx.networks.layer_sizes import count_parameters
from featx.networks.resolve import resolve_backbone


def test_the_parameters_up_to_a_layer_are_counted():
    source = resolve_backbone("squeezenet1_1", weights=None)
    module = source.build()
    expected = sum(parameter.numel() for parameter in module.features[:6].parameters())
    assert count_parameters(source, "features.5") == (expected, 4 * expected)
    early, late = (count_parameters(source, layer)[0] for layer in ("features.3", "features.12"))
    assert early < late < sum(parameter.numel() for parameter in module.parameters())


def test_all_parameters_count_of_a_module_that_cannot_be_traced():
    module = net(Branching)
    source = resolve_backbone(module)
    assert count_parameters(source, "features")[0] == sum(parameter.numel() for parameter in module.parameters())
    assert count_parameters(resolve_backbone(net()), "features")[0] < count_parameters(source, "features")[0]
