"""What the tests of comparisons share: a record of what was fitted, and eighty images."""

import pytest

from comparisons import QUICK, Network, images_of


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    monkeypatch.setattr(Network, "calls", [])
    monkeypatch.setattr("featx.comparison.stage_study.STAGE_GRID", {"logistic": QUICK})
    return Network


@pytest.fixture
def dataset():
    return images_of([40, 40])
