"""Promised: `featx backbones` lists what --backbone and --layer take."""

import pytest

from commands import featx
from featx.networks.resolve import list_backbones


@pytest.fixture(scope="module")
def listed():
    return featx("backbones").stdout


@pytest.fixture(scope="module")
def stages():
    return featx("backbones", "--stages", "mnasnet0_5").stdout.splitlines()


def test_backbones_are_listed_with_their_stages(listed, stages):
    assert listed.splitlines()[2].split()[:2] == ["efficientnet_lite0", "1280"]
    assert all(name in listed for name in ("resnet18", "vit_b_16", "mnasnet0_5"))
    assert stages[0].split() == ["stage", "features"]
    assert stages[-1].split()[-1] == "1280"


def test_every_backbone_has_a_width_and_a_layer_that_its_stages_name(listed, stages):
    _, _, *rows = [line.split() for line in listed.splitlines()]
    assert [name for name, *_ in rows] == list_backbones()
    assert all(int(width) > 0 for _, width, *_ in rows)
    (layer,) = [layer for name, _, layer, _ in rows if name == "mnasnet0_5"]
    assert layer in [line.split()[0] for line in stages]


def test_a_network_that_there_is_not_is_told_of_in_a_line():
    said = featx("backbones", "--stages", "mnasnet0_55", code=2).stderr
    assert "no backbone 'mnasnet0_55'. Did you mean mnasnet0_5" in said
