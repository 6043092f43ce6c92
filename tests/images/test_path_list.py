"""Promised: paths of files behave as a list of texts, in a fraction of its memory."""

import operator
import pickle
import sys
import tracemalloc

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from featx.images.path_list import NAMES_TOGETHER, PathList

PATHS = [
    *(f"photos/cat/{n}.png" for n in range(NAMES_TOGETHER + 3)),
    "photos/dog/é.png",
    "photos/dog/\udcff.png",
    "/",
    "",
    "no folder.png",
    "https://example.org//a.png?b=c/d",
    *(f"photos/{n}/same.png" for n in range(5)),
    "photos/cat/0.png",
]


@pytest.mark.parametrize("paths", [PATHS, [], [""], PATHS[:NAMES_TOGETHER]])
def test_it_is_read_as_a_list_is(paths):
    found = PathList(iter(paths))
    assert len(found) == len(paths)
    assert list(found) == paths
    assert [found[np.int64(n)] for n in range(-len(paths), len(paths))] == paths + paths
    for part in (slice(None), slice(3, 70), slice(70, 3), slice(-5, None), slice(200, 300), slice(None, None, -7)):
        assert found[part] == paths[part]
    for outside in (len(paths), -len(paths) - 1):
        with pytest.raises(IndexError):
            found[outside]


def test_it_compares_and_adds_up_as_a_list_does():
    found = PathList(PATHS)
    assert found == PATHS
    assert operator.eq(PATHS, found)
    assert found == PathList(PATHS)
    assert found != PATHS[:-1]
    assert found != [*PATHS[:-1], "other"]
    assert found != tuple(PATHS)
    assert found + ["a"] == [*PATHS, "a"]
    assert ["a"] + found == ["a", *PATHS]
    assert found + found == PATHS + PATHS
    assert repr(found) == repr(PATHS)
    assert pickle.loads(pickle.dumps(found)) == found
    assert sorted(found) == sorted(PATHS)
    assert "photos/dog/é.png" in found


def test_several_are_joined():
    parts = [PATHS[:3], [], PATHS[3:], PATHS]
    found = PathList.joined(map(PathList, parts))
    assert found == PATHS + PATHS
    assert [found[n] for n in range(len(found))] == PATHS + PATHS
    assert PathList.joined([]) == []


def test_it_is_not_changed():
    with pytest.raises(TypeError):
        operator.setitem(PathList(PATHS), 0, "other")


def test_arrays_and_splits_are_made_of_it():
    paths = PATHS[:20]
    assert np.array(PathList(paths)).tolist() == paths
    split = train_test_split(PathList(paths), range(20), random_state=0)
    assert split == train_test_split(paths, range(20), random_state=0)


def test_a_path_takes_its_name_and_a_few_bytes():
    names = [f"{n:012d}.jpg" for n in range(20_000)]
    folders = [f"/photographs/of/many/{n // 1000:02d}/" for n in range(len(names))]
    tracemalloc.start()
    try:
        found = PathList(map(operator.add, folders, names))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(found) == len(names)
    assert held < len(names) * (len(names[0]) + 6)
    assert held < sum(map(sys.getsizeof, found)) / 4
