"""Promised: random numbers come from a seed for a while, and all generators are left as they were."""

import torch

from featx.torch_modules.seeds import seeded


def test_numbers_are_those_of_the_seed_and_the_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with seeded(1):
        assert torch.equal(torch.rand(3), expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_other_devices_are_not_seeded(monkeypatch):
    """`torch.manual_seed` seeds them, too, and nothing would restore that."""
    seeds = []
    for module in (torch.cuda, torch.mps, torch.xpu):
        monkeypatch.setattr(module, "manual_seed", lambda seed: seeds.append(seed))
        monkeypatch.setattr(module, "manual_seed_all", lambda seed: seeds.append(seed), raising=False)
    with seeded(1):
        assert seeds == []
    with seeded(2, "mps"):
        assert seeds == [2]
