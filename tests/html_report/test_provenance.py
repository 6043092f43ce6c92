"""Promised: where a result is from names what made it, and a digest that another data set does not have."""

from featx import __version__
from featx.html_report.provenance import digest_labels, provenance


def test_what_is_known_is_said_on_one_line():
    found = dict(provenance(command="featx fit a\nb", network={"network": "n", "weights": None}, settings={"seed": 0},
                            data={}, seconds={"tuning": 3.0}))  # fmt: skip
    assert found["made by"] == "featx fit a\\nb"
    assert found["time"] == "tuning 3.0 s"
    assert f"featx {__version__}" in found["versions"]
    assert "weights" not in found
    assert found["seed"] == "0"


def test_the_digest_changes_with_names_labels_and_their_order():
    digests = {
        digest_labels(*pair)
        for pair in (("ab", "xy"), ("ba", "xy"), ("ab", "yx"), (["a", "bx"], ["", "y"]), (["\udcff", "b"], ["x", "y"]))
    }
    assert len(digests) == 5
