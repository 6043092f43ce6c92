"""Promised: `featx backbones` lists what --backbone and --layer take."""

from commands import featx


def test_backbones_are_listed_with_their_stages():
    listed = featx("backbones").stdout
    assert listed.splitlines()[2].split()[:2] == ["efficientnet_lite0", "1280"]
    assert all(name in listed for name in ("resnet18", "vit_b_16", "mnasnet0_5"))
    stages = featx("backbones", "--stages", "mnasnet0_5").stdout.splitlines()
    assert stages[0].split() == ["stage", "features"]
    assert stages[-1].split()[-1] == "1280"
