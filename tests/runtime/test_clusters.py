"""Promised: a cluster is named by its kind and place, and wrong names are refused before anything is begun."""

import sys

import pytest
from joblib.parallel import get_active_backend

from featx.exceptions import MissingDependencyError, ParameterError, WorkerError
from featx.runtime.clusters import ClusterName, connected

NAMES = {
    "loky:4": ("loky", "4"),
    "dask:tcp://host:8786": ("dask", "tcp://host:8786"),
    "dask:scheduler.json": ("dask", "scheduler.json"),
    "ray:ray://head:10001": ("ray", "ray://head:10001"),
    "ray:auto": ("ray", "auto"),
}


@pytest.mark.parametrize("text", NAMES)
def test_a_cluster_has_a_kind_and_a_place(text):
    cluster = ClusterName.of(text)
    assert (cluster.kind, cluster.place) == NAMES[text]


@pytest.mark.parametrize("text", ["", "loky", "loky:", "loky:0", "loky:-1", "loky:two", "spark:x", "tcp://host:8786"])
def test_other_texts_are_refused(text):
    with pytest.raises(ParameterError, match="got cluster="):
        ClusterName.of(text)


@pytest.mark.parametrize("n", ["100000", "9" * 5000])
def test_so_many_processes_that_the_machine_would_stand_still_are_refused(n):
    assert ClusterName.of("loky:0064").place == "0064"
    with pytest.raises(ParameterError, match=r"expected at most .* processes on this machine") as caught:
        ClusterName.of(f"loky:{n}")
    assert len(caught.value.message) < 400


def test_a_mistyped_kind_is_guessed():
    with pytest.raises(ParameterError) as caught:
        ClusterName.of("dusk:tcp://host:1")
    assert "dask" in caught.value.next_step


def test_joblib_computes_there_for_as_long_as_the_block():
    with connected(ClusterName.of("loky:3")):
        backend, n_jobs = get_active_backend()
        assert (type(backend).__name__, n_jobs) == ("LokyBackend", 3)
    assert get_active_backend()[1] is None


@pytest.mark.parametrize(("name", "module", "extra"), [("dask:x", "distributed", "cluster"), ("ray:x", "ray", "ray")])
def test_a_library_that_is_missing_is_named_with_its_extra(name, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=module) as caught, connected(ClusterName.of(name)):
        pass
    assert f"featx[{extra}]" in caught.value.next_step


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("featx.runtime.clusters.CONNECT_SECONDS", 0.5)
    nobody = ClusterName.of("dask:tcp://127.0.0.1:9")
    with pytest.raises(WorkerError, match="cannot reach dask:tcp"), connected(nobody):
        pass
