"""Promised: small results print their fields in short: floats rounded, arrays by shape, long lists by their start."""

import dataclasses
import importlib
import pickle
import pkgutil

import numpy as np

import featx
from featx.display.named_by_package import NamedByPackage
from featx.display.records import MOST_ITEMS, MOST_LETTERS, Record
from featx.display.summary_mixin import SummaryMixin
from featx.evaluation.estimates import Estimate
from featx.evaluation.learning_curves import Extrapolation, PowerLaw
from featx.images.failures import Failure


@dataclasses.dataclass(repr=False)
class Kept(Record):
    value: object
    name: str = "a"


def test_floats_are_rounded_and_what_is_inside_as_well():
    law = PowerLaw(1.7283910234, 1 / 3, 0.0)
    assert str(law) == repr(law) == "PowerLaw(scale=1.728, exponent=0.3333, floor=0)"
    found = Extrapolation(200, Estimate(2 / 3, 0.5, 0.75), law, 3)
    accuracy = "accuracy=Estimate(0.667 (0.500-0.750))"
    assert repr(found) == f"Extrapolation(n_images=200, {accuracy}, law={law}, n_sizes=3)"
    assert repr(Kept(np.float32(0.1))) == "Kept(value=0.1, name='a')"


def test_what_is_long_is_shown_by_its_size():
    assert repr(Kept(np.zeros((3, 4), np.float32))) == "Kept(value=<3 x 4 float32>, name='a')"
    some = ", ".join(map(str, range(MOST_ITEMS)))
    assert repr(Kept([*range(1000)])) == f"Kept(value=[{some}, ... 1,000 in all], name='a')"
    assert repr(Kept(({"a": 1 / 3}, None))) == "Kept(value=({'a': 0.3333}, None), name='a')"
    assert len(repr(Kept("x" * 10_000))) < 2 * MOST_LETTERS


def test_names_of_files_give_no_orders_to_a_terminal():
    assert repr(Failure(1, "red\x1b[31m", "cut\noff")) == "Failure(index=1, name='red\\x1b[31m', reason='cut\\noff')"


def test_what_is_half_made_is_shown_all_the_same():
    empty = object.__new__(PowerLaw)
    assert repr(empty) == "PowerLaw()"
    law = PowerLaw(1.0, 0.5, 0.25)
    assert repr(pickle.loads(pickle.dumps(law))) == repr(law)


def test_an_estimate_is_written_as_the_tables_write_it():
    assert str(Estimate(0.5, 0.25, 0.75)) == f"{Estimate(0.5, 0.25, 0.75)}" == "0.500 (0.250-0.750)"
    assert str(Estimate(float("nan"), reason="no probabilities")) == "none"


def test_every_part_of_a_result_has_a_short_repr():
    for module in pkgutil.walk_packages(featx.__path__, "featx."):
        importlib.import_module(module.name)
    kinds, found = [NamedByPackage], []
    while kinds:
        kinds = [each for kind in kinds for each in kind.__subclasses__() if each.__module__ == "featx"]
        found += kinds
    assert len(found) > 40
    for kind in found:
        assert kind.__repr__ in (Record.__repr__, SummaryMixin.__repr__), kind
