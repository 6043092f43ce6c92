"""A GPU that is pretended, so that what would fail on a real one fails here: each tensor is on a device by its storage.

The processor computes everything, and the numbers are right. As with CUDA, operations on tensors of two devices fail, a
tensor on the GPU has no `numpy()`, what `non_blocking` copies to the processor is there only after the stream or an
event was waited for, and only pinned memory is copied without waiting. What it cannot show is the arithmetic of CUDA's
kernels, their speed and memory, and what threads do at once: only the thread that pretends sees the GPU.
"""

import contextlib
from types import ModuleType, SimpleNamespace

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["PretendedGPU", "pretended_gpu"]

aten = torch.ops.aten
# What takes tensors of several devices: copies, and indices, which may be on the processor.
ACROSS = {aten.copy_.default, aten._to_copy.default, aten.index.Tensor, aten.index_put_.default, aten.index_put.default}
# What the processor needs a number from the GPU for.
WAITING = {
    aten._local_scalar_dense.default,
    aten.item.default,
    aten.is_nonzero.default,
    aten.equal.default,
    aten.nonzero.default,
    aten.masked_select.default,
}
PROCESSOR = torch.device("cpu")


class PretendedGPU:
    """What has happened on the GPU.

    Attributes
    ----------
    waits : list of str
        The operations for which the processor has waited.
    copies : list of str
        "to the GPU", pinned or not, and "from the GPU", in order.
    log : list of str
        Copies, convolutions and waits for events, in order.
    """

    def __init__(self):
        self.waits, self.copies, self.log, self.stream = [], [], [], []
        self._on, self._pinned, self._pending = {}, {}, []
        self.n_streams = 0

    def has(self, tensor):
        """Tell whether a tensor is on the GPU."""
        return _key(tensor) in self._on

    def is_pinned(self, tensor):
        return _key(tensor) in self._pinned

    def put(self, value, on=None):
        """Have the tensors in a value be on the GPU from now on."""
        for tensor in tree_leaves(value):
            if isinstance(tensor, torch.Tensor) and (key := _key(tensor)) is not None:
                (self._on if on is None else on)[key] = StorageWeakRef(tensor.untyped_storage())
        return value

    def pinned(self, tensor):
        return self.put(tensor.clone(), self._pinned)

    def recorded(self, tensor, stream):
        assert self.has(tensor)
        self.log.append("record_stream")

    def wait(self, name):
        """Note that the processor waits, and finish all copies."""
        self.waits.append(name)
        self.log.append(f"wait: {name}")
        self.finish()

    def finish(self, count=None):
        count = len(self._pending) if count is None else count
        done, self._pending[:] = self._pending[:count], self._pending[count:]
        for target, values in done:
            with torch.no_grad(), _plain():
                target.copy_(values)

    def fetched(self, tensor, *, non_blocking):
        """Return a copy on the processor."""
        self.copies.append("from the GPU")
        self.log.append("copy from the GPU")
        values = tensor.clone()
        self._on.pop(_key(values), None)
        if not non_blocking:
            self.wait("copy from the GPU")
            return values
        target = torch.full_like(values, 77)
        self._on.pop(_key(target), None)
        self._pending.append((target.detach(), values.detach()))
        return self.put(target, self._pinned)

    def sent(self, tensor, *, non_blocking):
        """Return a copy on the GPU."""
        pinned = self.is_pinned(tensor)
        self.copies.append("to the GPU, pinned" if pinned else "to the GPU")
        self.log.append(self.copies[-1])
        if not (pinned and non_blocking):
            self.wait("copy to the GPU")
        return self.put(tensor.clone())


@contextlib.contextmanager
def _plain():
    """Compute as if there were no mode."""
    with torch._C.DisableTorchFunction(), torch.utils._python_dispatch._disable_current_modes():
        yield


def _key(tensor):
    try:
        return None if tensor.is_meta else tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # sparse or nested
        return None


def _is_gpu(device):
    return device is not None and not isinstance(device, torch.Tensor) and torch.device(device).type == "cuda"


class _Functions(TorchFunctionMode):
    """What Python asks of tensors: where they are, to move them, and for their values."""

    def __init__(self, gpu, index):
        super().__init__()
        self.gpu, self.device = gpu, torch.device("cuda", index)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, gpu = dict(kwargs or {}), self.gpu
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        here = first is not None and gpu.has(first)
        if func in (torch.Tensor.device.__get__, torch.Tensor.get_device):
            return self.device if here else func(*args, **kwargs)
        if func == torch.Tensor.is_cuda.__get__:
            return here
        if func == torch.Tensor.is_cpu.__get__:
            return not here and func(*args, **kwargs)
        if func is torch.Tensor.to:
            return self._to(*args, **kwargs)
        if func is torch.Tensor.cpu:
            return self._to(first, PROCESSOR)
        if func is torch.Tensor.pin_memory:
            if here:
                raise RuntimeError("cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned")
            return gpu.pinned(first)
        if func is torch.Tensor.record_stream:
            return gpu.recorded(*args)
        if func is torch.Tensor.is_pinned:
            return gpu.is_pinned(first)
        if here and func in (torch.Tensor.numpy, torch.Tensor.__array__):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                            "host memory first.")  # fmt: skip
        if func is torch.Tensor.__deepcopy__:
            return gpu.put(func(*args, **kwargs)) if here else func(*args, **kwargs)
        pin = kwargs.pop("pin_memory", False)
        if _is_gpu(kwargs.get("device")):
            del kwargs["device"]
            # A number goes with the kernel; values are copied.
            if func is torch.tensor:
                gpu.wait("torch.tensor")
            return gpu.put(func(*args, **kwargs))
        if here and kwargs.get("device") is not None:
            found = func(*args, **kwargs)
            gpu._on.pop(_key(found), None)
            return found
        found = func(*args, **kwargs)
        return gpu.put(found, gpu._pinned) if pin else found

    def _to(self, tensor, *args, non_blocking=False, copy=False, **kwargs):
        args, gpu = list(args), self.gpu
        if args and isinstance(args[0], torch.Tensor):
            args = [self.device if gpu.has(args[0]) else args[0].device, args[0].dtype, *args[1:]]
        device = kwargs.pop("device", None)
        if args and isinstance(args[0], str | torch.device | int):
            device = args.pop(0)
        elif args and args[0] is None:
            args.pop(0)
        bools = [value for value in args if isinstance(value, bool)]
        args = [value for value in args if not isinstance(value, bool) and value is not None]
        non_blocking, copy = [*bools, *(non_blocking, copy)[len(bools) :]][:2]
        here, there = gpu.has(tensor), gpu.has(tensor) if device is None else _is_gpu(device)
        if device is not None and torch.device(device).type == "meta":
            return tensor.to(device, *args, **kwargs)
        if here and not there:
            tensor = gpu.fetched(tensor, non_blocking=non_blocking)
        elif there and not here:
            tensor = gpu.sent(tensor, non_blocking=non_blocking)
        elif copy:
            tensor = tensor.clone()
        return tensor.to(*args, **kwargs) if args or kwargs else tensor


class _Operations(TorchDispatchMode):
    """What is computed: on one device, where its results are then."""

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        gpu, kwargs = self.gpu, kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and not leaf.is_meta]
        on = [gpu.has(tensor) for tensor in tensors]
        if not any(on):
            return func(*args, **kwargs)
        if func in ACROSS:
            # Values that are indexed by tensors of the GPU are there themselves.
            if func not in (aten.copy_.default, aten._to_copy.default) and not on[0]:
                raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
            if func is aten.copy_.default and not all(on):
                gpu.wait("copy_")
            found = func(*args, **kwargs)
            return gpu.put(found) if on[0] and func is not aten.copy_.default else found
        if not all(here or tensor.dim() == 0 for here, tensor in zip(on, tensors, strict=True)):
            raise RuntimeError(f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 "
                               f"and cpu! (when checking arguments of {func})")  # fmt: skip
        if func in WAITING:
            gpu.wait(str(func))
        if "conv" in func.__name__:
            gpu.log.append("convolution")
        return gpu.put(func(*args, **kwargs))


@contextlib.contextmanager
def pretended_gpu(monkeypatch, *, capability=(8, 0), count=1):
    """Have CUDA be there, with `count` devices, all of which are the same memory; yields what has happened on it."""
    gpu, begin = PretendedGPU(), torch.autocast.__init__

    class Event:
        def __init__(self, *args, **options):
            self.count = 0

        def record(self, stream=None):
            gpu.log.append("event")
            self.count = len(gpu._pending)

        def synchronize(self):
            gpu.waits.append("event")
            gpu.log.append("wait: event")
            gpu.finish(self.count)

    def begin_there(self, device_type, *args, **options):
        begin(self, "cpu" if device_type == "cuda" else device_type, *args, **options)

    class Stream(torch.Stream):
        def __new__(cls, device=None):
            gpu.n_streams += 1
            return super().__new__(cls, stream_id=gpu.n_streams, device_index=0, device_type=1)

        def is_capturing(self):
            return False

        def wait_stream(self, other):
            gpu.log.append("stream waits for stream")

    @contextlib.contextmanager
    def within(stream):
        gpu.stream.append(stream)
        yield
        gpu.stream.pop()

    state = {"seed": torch.zeros(1, dtype=torch.uint8)}
    cuda = {
        "is_available": lambda: True,
        "device_count": lambda: count,
        "current_device": lambda: 0,
        "is_initialized": lambda: True,
        "_lazy_init": lambda: None,
        "get_device_capability": lambda device=None: capability,
        "get_device_name": lambda device=None: "a pretended GPU",
        "get_device_properties": lambda device=None: SimpleNamespace(uuid="0000", total_memory=1 << 30),
        "empty_cache": lambda: gpu.log.append("empty_cache"),
        "synchronize": lambda device=None: gpu.wait("synchronize"),
        "get_rng_state": lambda device=None: state["seed"].clone(),
        "set_rng_state": lambda value, device=None: state.update(seed=value),
        "manual_seed": lambda seed: state.update(seed=torch.tensor([seed % 251], dtype=torch.uint8)),
        "manual_seed_all": lambda seed: state.update(seed=torch.tensor([seed % 251], dtype=torch.uint8)),
        "current_stream": lambda device=None: gpu.stream[-1],
        "Stream": Stream,
        "stream": within,
        "device": lambda device: contextlib.nullcontext(),
        "Event": Event,
    }  # fmt: skip
    gpu.stream.append(Stream())
    with monkeypatch.context() as patch:
        for name, value in cuda.items():
            patch.setattr(torch.cuda, name, value)
        patch.setattr(torch.autocast, "__init__", begin_there)
        patch.setattr("torch.accelerator.current_stream", lambda device=None: gpu.stream[-1], raising=False)
        patch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
        # A network whose code may reach what was replaced in torch would be another one.
        patch.setattr("featx.torch_modules.identity.relevant_members", lambda module: ModuleType(module.__name__))
        # Threads read batches, which do not see the GPU.
        patch.setattr(
            "featx.finetuning.feeds.pinned", lambda batch, device: gpu.pinned(batch) if _is_gpu(device) else batch
        )
        with _Functions(gpu, 0), _Operations(gpu):
            yield gpu
