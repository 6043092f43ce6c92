"""Promised: results become plain JSON, with null where there is no number."""

import json
import math
from dataclasses import dataclass, field

import numpy as np

from featx.display.json_values import IF_SET, as_json
from featx.evaluation.estimates import Estimate

BARE = Estimate(0.9, reason="too few groups")


def test_json_has_null_where_there_is_no_number():
    @dataclass
    class Result:
        metrics: dict
        rows: tuple

    result = Result({"accuracy": BARE}, (np.float32(0.5), np.arange(2), math.inf, None, "a", True))
    plain = as_json(result)
    assert plain == {
        "metrics": {"accuracy": {"value": 0.9, "low": None, "high": None, "reason": "too few groups"}},
        "rows": [0.5, [0, 1], None, None, "a", True],
    }
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_field_may_be_left_out_where_it_is_none():
    @dataclass
    class Result:
        kept: int | None = None
        left: int | None = field(default=None, metadata=IF_SET)

    assert as_json(Result()) == {"kept": None}
    assert as_json(Result(left=0)) == {"kept": None, "left": 0}
