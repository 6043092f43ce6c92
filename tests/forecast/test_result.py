"""Promised: the parts of a forecast add up."""

import json

from featx.forecast.result import ForecastResult, Part


def test_parts_add_up():
    forecast = ForecastResult(9, 9, 0, False, 3, 0, base_bytes=100)
    forecast.parts = [Part("a", 1.0, 10, 7, 9) + Part("b", 2.0, 5, 3), Part("c", 0.5, 1, 2)]
    assert forecast.parts[0] == Part("a", 3.0, 15, 7, 9)
    assert (forecast.seconds, forecast.disk_bytes, forecast.memory_bytes) == (3.5, 16, 107)
    found = json.loads(forecast.to_json())
    assert found["seconds"] == 3.5
    assert [part["name"] for part in found["parts"]] == ["a", "c"]
