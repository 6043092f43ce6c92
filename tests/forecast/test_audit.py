"""Promised: the forecast of an audit counts the passes that are then made, and names its cross-validations."""

import pytest

from featx import ParameterError, audit_dataset, load_dataset
from featx.forecast.audit import forecast_audit
from forecasts import forecast_passes, kept


def test_an_audit_is_forecast_with_its_fits(folder, transformer, forwards, tmp_path):
    dataset = load_dataset(folder)
    forecast = forecast_audit(dataset, transformer, head="knn", cv=3)
    names = {part.name: part for part in forecast.parts}
    assert {"forward", "judge labels", "measure the cost of leaks and suspects"} < set(names)
    # Three times as it is, and three fits inside each training part.
    judged, cost = names["judge labels"].seconds, names["measure the cost of leaks and suspects"].seconds
    assert cost == pytest.approx(5 * judged, rel=0.05)
    assert forecast.at_most
    assert "comparing pictures" in forecast.sooner
    assert kept(tmp_path) == []
    forwards.since()
    audit_dataset(dataset, transformer, head="knn", cv=3)
    assert forecast_passes(forecast) == forwards.since() == 80


def test_what_an_audit_refuses_its_forecast_refuses(folder, transformer):
    with pytest.raises(ParameterError, match="cv=1"):
        forecast_audit(load_dataset(folder), transformer, cv=1)
