"""Promised: on real clusters each image is forwarded once, rows come home, and a killed worker costs its share."""

import contextlib
import re
import time
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from PIL import Image

import cluster_tasks
from backends import IMAGES, dask_client, extraction
from featx import CNNFeatureTransformer, EmbeddingCache
from featx.exceptions import BackboneError
from featx.extraction import distribute
from processes import interrupt
from ray_node import NoNodeError, ray_node

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]

BACKENDS = ["loky", "multiprocessing", "dask", "ray"]


@pytest.fixture(scope="module")
def ray_address():
    pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    register_ray()
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(ray_node())
        except NoNodeError as error:
            pytest.skip(str(error))
        yield address


@pytest.fixture(params=BACKENDS)
def cluster(request, tmp_path, monkeypatch):
    """Have joblib compute on a cluster of two processes."""
    with contextlib.ExitStack() as stack:
        if request.param == "dask":
            dask_client(stack, tmp_path)
        elif request.param == "ray":
            request.getfixturevalue("ray_address")
        options = {} if request.param == "dask" else {"n_jobs": 2}
        stack.enter_context(joblib.parallel_config(request.param, **options))
        yield request.param


@pytest.fixture
def paths(tmp_path):
    made = [str(tmp_path / f"{number}.png") for number in range(40)]
    for path, pixels in zip(made, IMAGES, strict=True):
        Image.fromarray(pixels).save(path)
    return made


@pytest.fixture
def run(tiny, tmp_path, paths, monkeypatch):
    """Return a function that extracts the images, with what workers do, into a new cache; and counts forwards."""

    def call(work, name):
        counts, cache = tmp_path / f"counts-{name}", EmbeddingCache(tmp_path / f"cache-{name}")
        counts.mkdir()
        monkeypatch.setattr(distribute, "forward_share", partial(work, str(counts)))
        rows = extraction(tiny, cache)(paths).embeddings[0]
        assert cache.verify().clean
        assert cache.verify().rows == 40
        return rows, cluster_tasks.counted(counts)

    return call


def test_rows_are_those_of_a_local_run_with_and_without_a_common_disk(cluster, run, tiny, tmp_path):
    expected = extraction(tiny, EmbeddingCache(tmp_path / "local"))().embeddings[0]
    for work in (cluster_tasks.noted, cluster_tasks.on_other_disk):
        rows, forwards = run(work, work.__name__)
        assert np.array_equal(rows, expected)
        assert forwards == 40
    rows, forwards = run(cluster_tasks.killed_once, "killed")
    assert np.array_equal(rows, expected)
    # loky and multiprocessing end all processes with the one that is killed; results of a slice come at once.
    assert 40 <= forwards <= 60


def test_a_worker_with_another_network_is_refused(run, tmp_path):
    # Processes of an earlier test have loaded the network, and would go on with it.
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    with joblib.parallel_config("loky", n_jobs=2), pytest.raises(BackboneError, match="gives other outputs"):
        run(cluster_tasks.with_another_network, "other")


def test_the_recipe_for_ray_data_embeds_a_folder(ray_address, paths, tmp_path):
    import ray

    text = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n([^`]*map_batches[^`]*)```", text)
    here = f"{tmp_path}/"
    for written, run in ((", num_gpus=1", ""), ("size=4", "size=1"), ("/data/photos/", here), ("/data/", here)):
        assert written in recipe
        recipe = recipe.replace(written, run)
    (tmp_path / "bad.png").write_bytes(b"no image")
    exec(recipe, {"__name__": "recipe"})
    rows = ray.data.read_parquet(f"{tmp_path}/embeddings/").iter_rows()
    found = {Path(row["path"]).name: row["embedding"] for row in rows}
    assert len(found) == 41
    assert np.isnan(found.pop("bad.png")).all()
    names = [Path(path).name for path in paths]
    expected = CNNFeatureTransformer(precision="float32", cache=None).fit_transform(paths)
    np.testing.assert_allclose(np.stack([found[name] for name in names]), expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(200):
        path = tmp_path / "data" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    return tmp_path / "data"


MAIN = """
import signal, sys
from featx.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main(sys.argv[1:])
"""
SLOW = ["--backbone", "resnet18", "--weights", "none", "--batch-size", "2", "--precision", "float32"]


def rows_in(cache):
    return sum(info.rows for info in EmbeddingCache(cache).info())


@pytest.mark.parametrize("kind", ["loky", "dask"])
def test_ctrl_c_ends_the_workers_and_keeps_what_arrived(kind, folder, tmp_path):
    with contextlib.ExitStack() as stack:
        place = "2"
        if kind == "dask":
            place = dask_client(stack, tmp_path).scheduler.address
        output = ["-o", str(tmp_path / "out.h5"), "--cluster", f"{kind}:{place}"]
        run = ["-c", MAIN, "extract", str(folder), *output, *SLOW]
        cache = tmp_path / "cache"
        code, share, errors = interrupt(run, cache, lambda _: rows_in(cache) > 0, timeout=240)
        assert code == 130, errors
        assert share < 1
        assert "run the same command to go on" in errors
        # Dask cannot end a task: it ends itself after the batch that it is at.
        kept, deadline = -1, time.monotonic() + 60
        while kept != (kept := rows_in(cache)) and time.monotonic() < deadline:
            time.sleep(3)
        assert 0 < rows_in(cache) == kept < 200
        assert EmbeddingCache(cache).verify().clean
