"""Promised: a task can be sent to a worker and says what its rows are; results of parts are those of the whole."""

from collections import Counter

import cloudpickle
import pytest

from featx.extraction.forward_task import ForwardResult, ForwardTask
from featx.networks.resolve import resolve_backbone


@pytest.fixture(scope="module")
def task():
    source = resolve_backbone("squeezenet1_1", weights=None, image_size=32)
    views = (source.view("features.9", "max"), source.view(None, "auto"))
    return ForwardTask(source=source, views=views, precision="float32", device="cpu", threads=2)


def test_each_view_has_a_spec_that_a_worker_finds_too(task):
    specs = task.specs
    assert [(spec.layer, spec.pooling) for spec in specs] == [("features.9", "max"), ("features.12", "avg")]
    assert specs == [task.source.spec(view, "float32") for view in task.views]
    sent = cloudpickle.loads(cloudpickle.dumps(task))
    assert [spec.digest for spec in sent.specs] == [spec.digest for spec in specs]


def test_a_worker_with_images_of_its_own_takes_no_turns(task):
    assert task.takes_turns
    assert not ForwardTask(**{**vars(task), "takes_turns": False}).takes_turns


def test_results_are_added_in_order():
    whole = ForwardResult()
    whole.add(ForwardResult([(b"1", None), (None, "cut")], 1, Counter(wait=0.5, forward=1.0), [4095]))
    whole.add(ForwardResult([(b"2", None)], 1, Counter(forward=2.0, read=0.25), []))
    whole.add(ForwardResult())
    assert whole == ForwardResult(
        [(b"1", None), (None, "cut"), (b"2", None)], 2, Counter(wait=0.5, forward=3.0, read=0.25), [4095]
    )
    assert ForwardResult() == ForwardResult([], 0, Counter(), [])
