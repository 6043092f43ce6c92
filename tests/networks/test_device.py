"""Promised: devices and precisions are those that exist, and a mistyped one suggests the nearest."""

import pytest

from featx import ParameterError
from featx.networks.device import check_device, resolve_device, resolve_precision


def test_devices_and_precisions_are_checked():
    assert resolve_device("cpu") == "cpu"
    for device in ("tpu9", "cuda:99", "nonsense"):
        with pytest.raises(ParameterError, match=f"device='{device}'"):
            resolve_device(device)
    with pytest.raises(ParameterError, match=r"float64.*bfloat16"):
        resolve_precision("float64")


@pytest.mark.parametrize(
    ("device", "meant"),
    [("gpu", "cuda"), ("GPU:1", "cuda:1"), ("cuda0", "cuda:0"), ("nvidia", "cuda"), ("metal", "mps"), ("cpuu", "cpu")],
)
def test_a_device_by_another_name_is_known(device, meant):
    with pytest.raises(ParameterError, match=rf"Did you mean {meant}( or .*)?\?$"):
        check_device(device)
