"""Name a cluster that joblib computes on: loky:4, dask:tcp://HOST:PORT or ray:ADDRESS."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..constraints import shown
from ..exceptions import MissingDependencyError, ParameterError, WorkerError, nearest
from .resources import core_count

__all__ = ["ClusterName", "connected"]

KINDS = ("loky", "dask", "ray")
NEXT = "It is loky:4 (processes here), dask:tcp://HOST:PORT, dask:SCHEDULER.json, ray:ADDRESS or ray:auto."
# loky starts all processes at once, and each of them loads torch.
PROCESSES_PER_CORE = 8
LEAST_LIMIT = 64
# How long a scheduler may take to answer.
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class ClusterName:
    """A cluster by its kind and where it is.

    Attributes
    ----------
    kind : {"loky", "dask", "ray"}
    place : str
        The number of processes, or the address.
    """

    kind: str
    place: str

    @classmethod
    def of(cls, text: str) -> ClusterName:
        """Return the cluster that a text names.

        Raises
        ------
        ParameterError
            If it names none.
        """
        kind, _, place = text.strip().partition(":")
        if kind not in KINDS:
            raise ParameterError(f"got cluster={text!r}; expected a cluster", nearest(kind, KINDS) or NEXT)
        if not place:
            raise ParameterError(f"got cluster={text!r}; expected {kind}:PLACE", NEXT)
        if kind == "loky":
            _check_processes(text, place)
        return cls(kind, place)


def _check_processes(text: str, place: str) -> None:
    """Refuse what is no number of processes, and so many that they would bring the machine down."""
    digits = place.lstrip("0")
    if not (place.isdecimal() and digits):
        raise ParameterError(f"got cluster={text!r}; expected a number of processes, such as loky:4")
    most = max(LEAST_LIMIT, PROCESSES_PER_CORE * core_count())
    # Python refuses to make an int of thousands of digits.
    if len(digits) > len(str(most)) or int(digits) > most:
        raise ParameterError(f"got cluster={shown(text)}; expected at most {most:,} processes on this machine")


@contextlib.contextmanager
def connected(cluster: ClusterName) -> Iterator[None]:
    """Have joblib compute on the cluster for the length of the block, as `joblib.parallel_config` does.

    Parameters
    ----------
    cluster : ClusterName

    Raises
    ------
    MissingDependencyError
        If its library is not installed.
    WorkerError
        If it cannot be reached.
    """
    import joblib

    with contextlib.ExitStack() as stack:
        if cluster.kind == "loky":
            options: dict[str, Any] = {"n_jobs": int(cluster.place)}
        else:
            options = _dask(cluster.place, stack) if cluster.kind == "dask" else _ray(cluster.place, stack)
        stack.enter_context(joblib.parallel_config(cluster.kind, **options))
        yield


def _dask(place: str, stack: contextlib.ExitStack) -> dict[str, Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingDependencyError("distributed", f"the cluster dask:{place}", "cluster") from error
    where = {"scheduler_file": place} if place.endswith(".json") else {"address": place}
    with _reaching(f"dask:{place}"):
        stack.enter_context(Client(**where, timeout=CONNECT_SECONDS))
    return {}


def _ray(place: str, stack: contextlib.ExitStack) -> dict[str, Any]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise MissingDependencyError("ray", f"the cluster ray:{place}", "ray") from error
    with _reaching(f"ray:{place}"):
        register_ray()
        if not ray.is_initialized():
            ray.init(address=place, log_to_driver=False)
            stack.callback(ray.shutdown)
        n_gpus = int(ray.cluster_resources().get("GPU", 0))
    # One process for each GPU, which Ray lets see no other one.
    return {"n_jobs": n_gpus, "ray_remote_args": {"num_gpus": 1}} if n_gpus else {"n_jobs": -1}


@contextlib.contextmanager
def _reaching(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each library raises its own
        said = " ".join(str(error).split())[:240]
        raise WorkerError(f"cannot reach {name}: {said}", "Is it running, and is its address right?") from error
