"""What the tests share: a cache of their own, real photographs, a tiny network and a count of forwarded images."""

import functools
import gc
import itertools
import os
import tempfile
from pathlib import Path

import pytest
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_images

from featx.process import forget
from networks import TINY

# Networks this small are 20 times slower when two threads wait for each other on a busy machine, and batches are split
# by the number of threads, whatever it is here: tests that are about it choose their own.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

# Tests that begin processes of their own import what tests share there too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parent / "support"), *filter(None, [os.environ.get("PYTHONPATH")])]
)


def pytest_collection_finish(session):
    # What the imports and the collection have made stays until the end: the garbage collector needs not go through it.
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    if item.get_closest_marker("any_file_name") and not _takes_any_file_name():
        pytest.skip("no file names of any characters and bytes here")
    if item.get_closest_marker("native_bfloat16"):
        import torch

        from featx.networks.fused_convolution import has_kernels

        if not has_kernels(torch.bfloat16):
            pytest.skip("this processor has no kernels in bfloat16")

    if item.get_closest_marker("gpu"):
        from gpus import why_skipped

        if reason := why_skipped(needs_cuda="cuda" in item.fixturenames):
            pytest.skip(reason)


@functools.cache
def _takes_any_file_name():
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in ("\x9b-ä-写真-🐈", "\udcff"):
                open(os.path.join(folder, name), "wb").close()
        except (OSError, UnicodeError):
            return False
    return True


@pytest.fixture(scope="session")
def caches(tmp_path_factory):
    """Return a function that names a folder that is not there; `tmp_path` would make one beside thousands of others."""
    root, numbers = tmp_path_factory.mktemp("caches"), itertools.count()
    return lambda: root / str(next(numbers))


@pytest.fixture(autouse=True)
def own_cache(caches, monkeypatch):
    """Keep every test away from the user's cache."""
    folder = caches()
    monkeypatch.setenv("FEATX_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def one_precision(monkeypatch):
    """Compute in float32 on every machine where nothing else is asked for; test_precisions.py has its own."""
    monkeypatch.setattr("featx.networks.precision._is_native", lambda device: False)
    # Fixtures of a module are made before this one, and what they decided is no test's.
    for name in ("_measured", "_chosen"):
        monkeypatch.setattr(f"featx.networks.precision.{name}", {})


@pytest.fixture(autouse=True)
def nothing_noted():
    """Have every test begin like a process that has logged no remark and opened no cache yet."""
    forget("remarks", "files")


@pytest.fixture
def remarks(caplog):
    """Return a function that returns the remarks to the user that were logged so far."""
    return lambda: [record.getMessage() for record in caplog.records if record.name == "featx"]


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """The paths of photographs by name."""
    folder = tmp_path_factory.mktemp("photos")
    pictures = dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    for name in ("chelsea", "coffee", "astronaut", "rocket", "camera"):
        pictures[name] = getattr(skimage.data, name)()
    pictures["motorcycle"] = skimage.data.stereo_motorcycle()[0]
    paths = {}
    for name, pixels in pictures.items():
        suffix = "jpg" if name in ("china", "flower", "rocket") else "png"
        paths[name] = str(folder / f"{name}.{suffix}")
        Image.fromarray(pixels).save(paths[name], **({"quality": 95} if suffix == "jpg" else {"compress_level": 1}))
    return paths


@pytest.fixture
def torch_threads():
    """Four threads for torch, whatever the machine has."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


@pytest.fixture
def tiny():
    """Parameters of a network that needs milliseconds for an image."""
    return dict(TINY)


@pytest.fixture
def settled_files(monkeypatch):
    """Have files that were just written count as old enough for their digests to be remembered."""
    monkeypatch.setattr("featx.cache.digests.FRESH_NS", 0)


@pytest.fixture(scope="session")
def settled(tmp_path_factory):
    """Return a function from a network's name to a file of weights whose BatchNorm has statistics of images."""
    import torch

    from featx.networks.resolve import resolve_backbone

    folder = tmp_path_factory.mktemp("settled")

    def file_of(name):
        path = folder / f"{name}.pth"
        if not path.exists():
            module = resolve_backbone(name, weights=None).build().train()
            images = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                for part in module.modules():
                    if hasattr(part, "momentum"):
                        part.momentum = None
                module(images)
            torch.save(module.state_dict(), path)
        return str(path)

    return file_of


class Forwards:
    """How many images went through networks on a device that computes, but for two that show what they do."""

    def __init__(self):
        self.count = 0

    def since(self):
        """Return the count since this was asked last."""
        count, self.count = self.count, 0
        return count


@pytest.fixture
def forwards(monkeypatch):
    from featx.networks import batch_dependence
    from featx.networks.backbone import Backbone

    counter, embed, look = Forwards(), Backbone.embed, batch_dependence.refuse_batch_dependence

    def counting(self, pixels, views, **options):
        if self.device != "meta":
            counter.count += len(pixels)
        return embed(self, pixels, views, **options)

    def looking(source, views):
        count = counter.count
        look(source, views)
        counter.count = count

    monkeypatch.setattr(Backbone, "embed", counting)
    monkeypatch.setattr(batch_dependence, "refuse_batch_dependence", looking)
    return counter
