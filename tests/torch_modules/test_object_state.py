"""Promised: the state of an object is listed where Python shows all of it, and told from what it hides."""

import collections
import random
import threading

import numpy as np
import pytest

from featx.torch_modules.object_state import reduction, shows_all_state, state_of, unique_text


def kind_of(value):
    return type(value).__name__


class Plain:
    def __init__(self):
        self.b, self.a = 2, 1


class Slotted:
    __slots__ = ("a", "never")

    def __init__(self):
        self.a = 1


class Both(Slotted):
    def __init__(self):
        super().__init__()
        self.b = 2


class Words(dict):
    pass


class Hiding(random.Random):
    pass


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (Plain(), [("a", 1), ("b", 2)]),
        (Slotted(), [("a", 1)]),
        (Both(), [("b", 2), ("a", 1)]),
        (Words(x=1), []),
        (collections.defaultdict(list), [("default", list)]),
    ],
    ids=["attributes", "slots", "both", "dictionary", "default"],
)
def test_attributes_and_slots_are_listed(value, state):
    assert shows_all_state(type(value))
    assert [pair for pair in state_of(value) if pair[0] != "default_factory"] == state


@pytest.mark.parametrize("value", [Hiding(0), np.random.default_rng(0), threading.Lock(), iter([1])], ids=kind_of)
def test_objects_with_state_of_their_own_in_c_are_known(value):
    assert not shows_all_state(type(value))


def test_what_is_pickled_tells_objects_apart():
    def parts(value):
        return [child.value for child in reduction(value)][1:]

    assert str(parts(Hiding(0))) == str(parts(Hiding(0))) != str(parts(Hiding(1)))


def test_texts_of_objects_are_their_own():
    first, second = Plain(), Slotted()
    assert unique_text(first) == unique_text(first) != unique_text(Plain())
    assert unique_text(second) == unique_text(second) != unique_text(first)
