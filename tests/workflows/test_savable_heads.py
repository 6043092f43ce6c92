"""Promised: a head that no model file can hold is refused before images are read."""

import pytest

from featx import ParameterError
from featx.workflows.savable_heads import check_savable


def test_heads_that_a_file_can_hold_pass():
    check_savable(["logistic", "own_heads:Nearest", "sklearn.tree:DecisionTreeClassifier", "own_heads:components"],
                  {"Nearest": {"power": [1, 2]}})  # fmt: skip


def test_a_head_that_holds_what_no_file_can_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"the head Holding cannot be saved: .*own_heads\.<lambda>") as caught:
        check_savable(["own_heads:Holding"])
    assert caught.value.next_step
