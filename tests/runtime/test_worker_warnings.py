"""Promised: what tasks warn of in other processes is warned of here, once, as the user's filters have it."""

import warnings

import pytest

from featx.runtime.tasks import Workers
from featx.runtime.worker_warnings import recorded_warnings, warn_once

ELSEWHERE = -1  # no process has this number


class OddWarning(UserWarning):
    def __init__(self, one, other):
        super().__init__(f"{one} {other}")


def doubled(*numbers):
    def warn_and_double(number):  # in here it is sent by value: workers cannot import this module
        for _ in range(3):
            warnings.warn("doubling is deprecated", FutureWarning, stacklevel=1)
        if number > 5:
            raise ValueError(f"{number} is too much")
        return 2 * number

    with Workers(n_jobs=2) as workers:
        return list(workers.results(warn_and_double, [(number,) for number in numbers]))


def test_warnings_of_workers_are_given_once_and_what_they_print_is_nothing(capfd):
    with pytest.warns(FutureWarning, match="doubling is deprecated") as recorded:
        assert doubled(1, 2, 3) == [2, 4, 6]
    assert len(recorded) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert doubled(1, 2) == [2, 4]
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="9 is too much"):
        doubled(9)
    assert capfd.readouterr().err == ""


def test_a_filter_makes_an_error_of_what_a_worker_warns_of():
    with warnings.catch_warnings(), pytest.raises(FutureWarning, match="doubling is deprecated"):
        warnings.simplefilter("error")
        doubled(1)


def test_filters_by_module_hold_and_odd_classes_of_warnings_come_as_their_kind():
    with recorded_warnings(ELSEWHERE) as recorded:
        warnings.warn(OddWarning("one", "other"), stacklevel=1)
    assert [(one.category, str(one.message), one.module) for one in recorded] == [(UserWarning, "one other", __name__)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=__name__)
        warn_once(recorded, set())
    with pytest.warns(UserWarning, match="one other"):
        warn_once(recorded, set())
