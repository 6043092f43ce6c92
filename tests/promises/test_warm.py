"""Promised: known files cost one stat each, none is opened and no network is built; looking costs no heavy import."""

import hashlib
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from featx import CNNFeatureTransformer


@pytest.fixture
def files(tmp_path, photos, settled_files):
    """Links to files whose digests are remembered."""
    folder = tmp_path / "images"
    folder.mkdir()
    paths = []
    for name, photo in photos.items():
        paths.append(str(folder / name))
        os.symlink(photo, paths[-1])
    return paths


@pytest.fixture
def looks(monkeypatch):
    """The paths that are looked at and those that are opened, while their name holds `images`."""
    seen = {"stat": [], "open": []}
    stat = os.stat

    def counted(path, *args, **options):
        if isinstance(path, str) and "/images/" in path:
            seen["stat"].append(path)
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", counted)

    def audit(event, args):
        if event == "open" and isinstance(args[0], str) and "/images/" in args[0]:
            seen["open"].append(args[0])

    sys.addaudithook(audit)
    return seen


def test_a_warm_transform_looks_at_each_file_once_and_opens_none(files, tiny, looks, monkeypatch):
    transformer = CNNFeatureTransformer(**tiny)
    expected = transformer.fit_transform(files)
    assert looks["open"]
    monkeypatch.setattr("featx.networks.backbone.Backbone.__init__", lambda *_: pytest.fail("the network is built"))
    monkeypatch.setattr("featx.networks.backbone._loaded", {})
    for order in (range(len(files)), reversed(range(len(files))), [1, 1, 0]):
        rows = list(order)
        for seen in looks.values():
            seen.clear()
        assert np.array_equal(transformer.transform([files[row] for row in rows]), expected[rows])
        assert looks == {"stat": [files[row] for row in rows], "open": []}


def test_another_process_knows_the_files_and_does_without_torch(files, own_cache):
    transformer = CNNFeatureTransformer()
    expected = transformer.fit_transform(files[:2])
    code = """
        import hashlib, sys
        from featx import CNNFeatureTransformer
        rows = CNNFeatureTransformer().fit(sys.argv[1:]).transform(sys.argv[1:])
        print(hashlib.sha256(rows.tobytes()).hexdigest(), {"torch", "torchvision"} & set(sys.modules))
        """
    command = [sys.executable, "-c", textwrap.dedent(code), *files[:2]]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [hashlib.sha256(expected.tobytes()).hexdigest(), "set()"]


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import featx", {"numpy", "PIL", "click"}),
        ("from featx.cli import main; main(['--help'])", {"numpy", "PIL"}),
        ("from featx.cli import main; main(['cache', 'info'])", {"PIL"}),
        ("from featx import EmbeddingCache; EmbeddingCache().info()", {"PIL"}),
    ],
)
def test_a_start_loads_nothing_that_it_does_not_need(statement, heavy):
    code = f"import atexit, sys; atexit.register(lambda: print('loaded', *sys.modules)); {statement}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.rpartition("loaded")[2].split())
    assert "featx" in loaded
    assert not loaded & {"torch", "torchvision", "sklearn", "scipy", "h5py", *heavy}
