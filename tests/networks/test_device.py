"""Promised: devices and precisions are those that exist, and a mistyped one suggests the nearest."""

import pytest
import torch

from featx import ParameterError
from featx.networks.device import (
    check_device,
    embedding_context,
    fetched_later,
    out_of_memory,
    pinned,
    resolve_device,
    resolve_precision,
    sent,
)


def test_devices_and_precisions_are_checked():
    assert resolve_device("cpu") == resolve_device("cpu:0") == "cpu"
    for device in ("tpu9", "cuda:99", "cpu:1", "cuda:01", "nonsense"):
        with pytest.raises(ParameterError, match=f"device='{device}'"):
            resolve_device(device)
    with pytest.raises(ParameterError, match=r"float64.*bfloat16"):
        resolve_precision("float64")


def test_auto_is_apples_gpu_where_there_is_one_and_no_other(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("mps:0") == "mps"
    with pytest.raises(ParameterError, match="this machine has no such device") as raised:
        resolve_device("mps:1")
    assert raised.value.next_step.endswith("mps.")


@pytest.mark.parametrize(
    ("device", "meant"),
    [("gpu", "cuda"), ("GPU:1", "cuda:1"), ("cuda0", "cuda:0"), ("nvidia", "cuda"), ("metal", "mps"), ("cpuu", "cpu")],
)
def test_a_device_by_another_name_is_known(device, meant):
    with pytest.raises(ParameterError, match=rf"Did you mean {meant}( or .*)?\?$"):
        check_device(device)


def test_a_gpu_computes_float32_in_full():
    """By default PyTorch lets it round to TF32, and rows of a GPU and of a processor have one key."""
    places = [torch.backends.cudnn.conv, torch.backends.cuda.matmul]
    before = [place.fp32_precision for place in places]
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        with pytest.raises(ValueError, match="in the network"), embedding_context("float32", "cuda:0"):
            assert [place.fp32_precision for place in places] == ["ieee", "ieee"]
            raise ValueError("in the network")
        assert [place.fp32_precision for place in places] == [before[0], "tf32"]
        with embedding_context("float32", "cpu"):
            assert [place.fp32_precision for place in places] == [before[0], "tf32"]
    finally:
        torch.backends.cuda.matmul.fp32_precision = before[1]


def test_threads_that_compute_at_once_agree_about_the_rounding():
    """The last one resets it: the first to end would let the others round, and the last to begin leave it off."""
    place = torch.backends.cuda.matmul
    before = place.fp32_precision
    place.fp32_precision = "tf32"
    one, other = embedding_context("float32", "cuda:0"), embedding_context("float32", "cuda:0")
    try:
        one.__enter__()
        other.__enter__()
        one.__exit__(None, None, None)
        assert place.fp32_precision == "ieee"
        other.__exit__(None, None, None)
        assert place.fp32_precision == "tf32"
    finally:
        place.fp32_precision = before


def test_a_processor_copies_nothing():
    batch = torch.ones(2)
    assert pinned(batch, "cpu") is batch
    assert sent(batch, "cpu") is batch
    assert fetched_later([batch], "cpu")()[0] is batch


def test_names_of_before_are_used_where_there_are_no_others(monkeypatch):
    class Backend:
        allow_tf32 = True

    monkeypatch.setattr(torch.backends, "cudnn", Backend)
    monkeypatch.setattr(torch.backends.cuda, "matmul", Backend())
    with embedding_context("float32", "cuda"):
        assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == (False, False)
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_libraries_say_in_several_ways_that_the_memory_is_full(text):
    assert out_of_memory(RuntimeError(text))
    assert not out_of_memory(RuntimeError("CUDNN_STATUS_EXECUTION_FAILED"))
