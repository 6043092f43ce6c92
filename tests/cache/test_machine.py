"""Promised: a turn belongs to a physical device of a machine, and process numbers to a PID namespace."""

import sys
from types import SimpleNamespace

import pytest

from featx.cache import EmbeddingCache, machine

pytestmark = pytest.mark.usefixtures("short")


def lock_of(folder, device):
    """Return the name of the file that is locked for a turn on a device."""
    with EmbeddingCache(folder).turn(device):
        (name,) = (path.name for path in folder.glob(".turn-*") if path.suffix != ".holder")
    (folder / name).unlink()
    return name


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        (("cuda", "0"), ("cuda", "1"), False),
        (("cuda", "0"), ("cuda:0", "0,1"), True),
        (("cuda:1", "0,3"), ("cuda", "3"), True),
        (("cuda", "1,0"), ("cuda", "0,1"), False),
        (("cuda", "GPU-5f0a"), ("cuda:1", "GPU-77aa,GPU-5f0a"), True),
        (("cuda", "MIG-1"), ("cuda", "MIG-2"), False),
        (("cuda", ""), ("cuda:0", "0"), True),
        (("cpu", "0"), ("cpu", "1"), True),
        (("cpu", "0"), ("cpu:0", "0"), True),
        (("cpu", "0"), ("cuda", "0"), False),
        (("mps", "0"), ("mps:0", "0"), True),
    ],
)
def test_a_turn_is_that_of_a_physical_device(tmp_path, monkeypatch, first, second, one):
    from featx.networks.device import physical_device

    for resolve in (str, physical_device):
        names = []
        for device, visible in (first, second):
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
            names.append(lock_of(tmp_path, resolve(device)))
        assert (names[0] == names[1]) == one, names


def test_a_gpu_is_named_by_its_uuid_whatever_its_number(monkeypatch):
    """No GPU is needed: torch's answers are made up."""
    import torch

    from featx.networks.device import physical_device

    uuids = ["5f0a1f3a-0000-1111-2222-333344445555", "77aa1f3a-0000-1111-2222-333344445555"]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=uuids[index]))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [physical_device(name) for name in ("cuda", "cuda:0", "cuda:1")] == [
        f"GPU-{uuids[number]}" for number in (0, 0, 1)
    ]
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert physical_device("cuda") == f"GPU-{uuids[1]}"
    # The parts of a GPU may tell the UUID of the whole one.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-3d2b")
    assert physical_device("cuda:0") == "MIG-3d2b"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace())
    assert physical_device("cuda:1") == physical_device("cuda") == "gpu6"


def test_a_turn_is_of_the_machine_and_not_of_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.socket, "gethostname", lambda: "one")
    here = lock_of(tmp_path, "cpu")
    monkeypatch.setattr(machine.socket, "gethostname", lambda: "another")
    assert lock_of(tmp_path, "cpu") == here
    monkeypatch.setattr("featx.cache.store.machine", lambda: "0b1c-another-boot")
    assert lock_of(tmp_path, "cpu") != here


@pytest.mark.skipif(sys.platform != "linux", reason="PID namespaces are Linux's")
def test_process_numbers_mean_something_in_one_namespace_of_one_boot(monkeypatch):
    here = machine.process_space()
    assert machine.process_space() == here
    monkeypatch.setattr(machine.os, "readlink", lambda path: "pid:[1]")
    container = machine.process_space()
    assert container != here
    monkeypatch.setattr(machine, "machine", lambda: "another-boot")
    assert machine.process_space() not in (here, container)
