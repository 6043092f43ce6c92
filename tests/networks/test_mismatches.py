"""Promised: weights that do not match a network are refused with what differs and what to do."""

import pytest
import torch
from torchvision import models

from backbones import save, squeezenet
from featx.exceptions import WeightsError
from weight_files import AMBIGUOUS, BODY, OTHER, STATE, assert_loaded, refusal


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


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_the_next_step_of_an_ambiguous_file_makes_one_that_is_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    checkpoint = AMBIGUOUS[name][0]
    torch.save(checkpoint, "net.pth")
    exec(refusal("./net.pth").partition("for the first: ")[2].rstrip("."), {"torch": torch, "checkpoint": checkpoint})
    # Without a prefix, the tensors of both would be saved again.
    state = OTHER if name == "wrapped" else STATE
    assert_loaded("weights.pth", {key: state[key] for key in BODY})


def test_the_first_tensor_that_is_not_finite_is_named_and_the_others_are_counted(tmp_path):
    diverged = {key: torch.full_like(value, float("nan")) for key, value in STATE.items()}
    torch.save(diverged, tmp_path / "net.pth")
    text = refusal(tmp_path / "net.pth")
    first, others = next(iter(BODY)), len(BODY) - 1
    size = STATE[first].numel()
    assert f"in {first}, {size:,} of {size:,} values are NaN or infinite, and so are values of {others} more" in text
