"""Promised: an output takes the place of a file and of nothing else, and goes where a link leads."""

import os
import socket
import stat
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, save_model
from featx.cache.files import replaced, written_path
from featx.cache.hdf5 import atomic_hdf5
from featx.comparison.run_files import RunFiles
from featx.exceptions import FeatxError
from featx.finetuning.checkpoint import Checkpoint
from featx.finetuning.finetuned_network import FineTunedNetwork
from featx.reports.figure_files import save_figure

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
X = np.random.default_rng(0).normal(size=(4, 576)).astype(np.float32)


def write_model(path, tiny):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    save_model(make_pipeline(features, LogisticRegression().fit(X, [0, 1, 0, 1])), path)


def write_hdf5(path, _):
    with atomic_hdf5(path) as file:
        file["embeddings"] = X


def write_checkpoint(path, _):
    Checkpoint(path, {"a": "1"}).save({"epoch": 1})


def write_figure(path, _):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    save_figure(Figure((1, 1)), path)


def write_weights(path, _):
    import torch

    module = torch.nn.Linear(2, 2)
    base = SimpleNamespace(architecture=SimpleNamespace(class_layer=None), name="linear", weights_digest="0")
    FineTunedNetwork.export(SimpleNamespace(base=base, build=lambda: module, state={}), path)


WRITERS = {
    "model.skops": write_model,
    "embeddings.h5": write_hdf5,
    "training.pt": write_checkpoint,
    "curve.svg": write_figure,
    "network.safetensors": write_weights,
}


@posix
@pytest.mark.parametrize("name", WRITERS)
def test_a_pipe_or_a_socket_is_never_replaced(name, tiny, tmp_path):
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises((FeatxError, OSError), match="device, pipe or socket"):
        WRITERS[name](path, tiny)
    assert stat.S_ISFIFO(os.lstat(path).st_mode)
    link = tmp_path / f"link-{name}"
    link.symlink_to(path)
    with pytest.raises((FeatxError, OSError), match="device, pipe or socket"):
        WRITERS[name](link, tiny)
    assert link.is_symlink()
    assert not [left for left in os.listdir(tmp_path) if left.startswith("tmp-")]


@posix
def test_a_pipe_is_no_checkpoint_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "training.pt")
    with pytest.raises(FeatxError, match="device, pipe or socket"):
        Checkpoint(tmp_path / "training.pt", {"a": "1"}).load()


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_stays_and_its_file_is_replaced(name, tiny, tmp_path):
    far = tmp_path / "far"
    far.mkdir()
    for existing in (True, False):
        link, target = tmp_path / f"{existing}-{name}", far / f"{existing}-{name}"
        if existing:
            target.write_bytes(b"before")
        link.symlink_to(target)
        WRITERS[name](link, tiny)
        assert link.is_symlink()
        assert target.read_bytes() not in (b"", b"before")
    assert sorted(os.listdir(far)) == sorted(f"{existing}-{name}" for existing in (True, False))


@pytest.mark.parametrize("name", WRITERS)
def test_a_path_through_a_file_is_named(name, tiny, tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises((FeatxError, OSError), match=r"Not a directory|File exists"):
        WRITERS[name](tmp_path / "file" / name, tiny)
    assert (tmp_path / "file").read_bytes() == b"before"


def test_a_device_is_never_replaced(tmp_path, monkeypatch):
    path = tmp_path / "device"
    path.write_bytes(b"")
    real = os.stat

    def stat_of(file, **options):
        found = real(file, **options)
        return SimpleNamespace(st_mode=stat.S_IFCHR) if os.fspath(file) == str(path) else found

    monkeypatch.setattr(os, "stat", stat_of)
    with pytest.raises(OSError, match="device"), replaced(path):
        pass
    monkeypatch.undo()
    assert path.read_bytes() == b""


@posix
def test_what_may_be_written_is_a_file_or_nothing(tmp_path, monkeypatch):
    assert written_path(str(tmp_path / "new")) == tmp_path / "new"
    assert written_path(os.fsencode(tmp_path / "new")) == tmp_path / "new"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)
        server.bind("socket")
        for name in ("socket", "loop", "."):
            with pytest.raises(OSError, match=r"socket|symbolic links|folder"):
                written_path(name)


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(KeyError), replaced(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyError
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


@posix
def test_the_file_of_a_run_is_a_file(tmp_path):
    files = RunFiles(tmp_path)
    files.save("run", "0" * 64, {"accuracy": 1.0}, X)
    (name,) = os.listdir(tmp_path)
    os.remove(tmp_path / name)
    os.mkfifo(tmp_path / name)
    with pytest.raises(FeatxError, match="device, pipe or socket"):
        files.save("run", "0" * 64, {"accuracy": 1.0}, X)
