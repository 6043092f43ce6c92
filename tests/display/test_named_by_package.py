"""Promised: classes of the package are named by it, and classes of the user by their own modules."""

import pickle

import featx
from featx.display.named_by_package import NamedByPackage
from featx.evaluation.estimates import Estimate


class Mine(NamedByPackage):
    pass


class MyData(featx.ImageDataset):
    pass


def test_classes_of_the_package_alone_are_named_by_it():
    assert (Estimate.__module__, featx.ImageDataset.__module__, featx.Failure.__module__) == ("featx",) * 3
    assert (Mine.__module__, MyData.__module__) == (__name__,) * 2
    made = type("_Private", (NamedByPackage,), {"__module__": "featx.somewhere"})
    assert made.__module__ == "featx.somewhere"


def test_objects_are_pickled_and_read_back():
    for value in (Estimate(0.5, 0.2, 0.8), featx.Failure(1, "a.png", "no image"), MyData(["a"], ["a"])):
        again = pickle.loads(pickle.dumps(value))
        assert type(again) is type(value)
        assert repr(again) == repr(value)
