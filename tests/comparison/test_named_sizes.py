"""Promised: sizes in per cent are stratified, nested on both sides, and each is judged on its own test images."""

import numpy as np
import pytest

from comparisons import Network, fits, images_of
from featx import ParameterError, compare_strategies
from featx.comparison.named_sizes import draw_named_sizes, named_sizes
from featx.datasets.dataset import ImageDataset
from featx.display.text_tables import render_text
from featx.reports.comparison import comparison_parts

STUDY = {"large": (70, 15, 15), "medium": (50, 20, 30), "small": (20, 20, 60)}


def drawn(y, sizes=STUDY, **options):
    found = named_sizes(sizes)
    return {
        size.name: rows for size, rows in zip(found, draw_named_sizes(np.asarray(y), found, **options), strict=True)
    }


def test_percentages_are_met_in_every_class_and_sets_are_nested():
    y = np.repeat([0, 1, 2], [200, 100, 20])
    found = drawn(y, random_state=5)
    for name, (train, validation, test) in STUDY.items():
        for rows, percent in zip(found[name], (train + validation, test), strict=True):
            assert len(rows) == percent * len(y) / 100
            assert np.bincount(y[rows]).tolist() == pytest.approx([2 * percent, percent, percent / 5], abs=1)
        assert not set(found[name][0]) & set(found[name][1])
    assert set(found["small"][0]) < set(found["medium"][0]) < set(found["large"][0])
    assert set(found["large"][1]) < set(found["medium"][1]) < set(found["small"][1])
    assert drawn(y, random_state=6)["large"][1].tolist() != found["large"][1].tolist()


def test_equal_test_percentages_are_one_test_set_also_where_images_are_left_out():
    found = drawn(np.arange(200) % 2, {"a": (70, 15, 15), "b": (10, 5, 15)})
    assert found["a"][1].tolist() == found["b"][1].tolist()
    assert (len(found["a"][0]), len(found["b"][0])) == (170, 30)


def test_groups_and_copies_are_on_one_side():
    y = np.arange(240) // 4 % 2
    groups, together = np.arange(240) // 4, np.arange(240) // 2
    for options in ({"groups": groups}, {"together": together}, {"groups": groups, "together": together}):
        units = groups if "groups" in options else together
        for train, test in drawn(y, **options).values():
            assert not set(units[train]) & set(units[test])
            assert len(set(units[train])) * len(units[units == 0]) == len(train)


def test_odd_numbers_of_images_are_never_both_trained_and_tested_on():
    for n in range(20, 41):
        for train, test in drawn(np.arange(n) % 2, {"x": (25, 25, 50), "y": (33.3, 33.3, 33.4)}).values():
            assert not set(train) & set(test)
            assert len(train) + len(test) <= n


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"a": (70, 20, 15)}, "a=70/20/15, 105 % in all"),
        ({"a": (0, 20, 15)}, "leaves nothing to train on"),
        ({"a": (70, 20, 0)}, "leaves nothing to train on or to test on"),
        ({" ": (70, 15, 15)}, "without a name. Such as large=70/15/15"),
        ({"a": (70, 15)}, "expected a mapping of name to"),
        ({"a": "70/15/15"}, "expected a mapping of name to"),
        ({"a": (-1, 15, 15)}, "expected a mapping of name to"),
        ([70, 15, 15], "expected a mapping of name to"),
        ({}, "expected one at least"),
    ],
)
def test_what_are_no_percentages_is_refused(sizes, words):
    with pytest.raises(ParameterError, match=words):
        named_sizes(sizes)


class Validated(Network):
    """It notes the share that it would validate on."""

    shares: list = []  # noqa: RUF012

    def __init__(self, noise=0.0, *, validation_fraction=0.15, early_stopping=True, random_state=0):
        super().__init__(noise, random_state=random_state)
        self.validation_fraction, self.early_stopping = validation_fraction, early_stopping

    def fit(self, X, y, groups=None):
        Validated.shares.append((len(X), self.validation_fraction if self.early_stopping else 0))
        return super().fit(X, y)


def test_each_size_has_its_own_test_images_and_share_to_validate_on(calls, monkeypatch):
    monkeypatch.setattr(Validated, "shares", [])
    data = images_of([100, 100])
    result = compare_strategies(data, {"net": Validated(0.1), "other": Network(0.3)}, sizes=STUDY, repeats=2)
    assert [(size.name, size.n_train, size.n_test) for size in result.sizes] == [
        ("small", 80, 120),
        ("medium", 140, 60),
        ("large", 170, 30),
    ]
    assert Validated.shares[:3] == [(80, 0.5), (140, pytest.approx(2 / 7)), (170, pytest.approx(15 / 85))]
    assert result.own_tests
    assert all(curve.extrapolation is None for curve in result.curves)
    assert "each size is judged on its own test images" in result.protocol
    tested = {len(rows) for kind, _, _, rows in calls.calls if kind == "predict"}
    assert tested == {120, 60, 30}
    found = [(part.name, part.train, part.validation, part.test) for part in result.counts]
    assert found == [("small", 40, 40, 120), ("medium", 100, 40, 60), ("large", 140, 30, 30)]
    for size in result.sizes:
        for strategy in size.strategies:
            assert strategy.confusion.sum() == 2 * size.n_test
    assert "on 80 and 140 and 170 images, 2 repeats, 120 and 60 and 30 test images each" in repr(result)
    assert "at large, 170 images (85 a class)" in render_text(comparison_parts(result))
    one = compare_strategies(data, {"net": Network(0.1)}, sizes={"a": (20, 10, 30), "b": (60, 10, 30)}, repeats=1)
    assert not one.own_tests
    assert one.curves[0].extrapolation is not None


def test_without_a_validation_part_networks_train_to_the_last_epoch(monkeypatch):
    monkeypatch.setattr(Validated, "shares", [])
    compare_strategies(images_of([40, 40]), {"net": Validated()}, sizes={"a": (50, 0, 50)}, repeats=1)
    assert Validated.shares == [(40, 0)]


def test_finished_runs_are_found_by_the_size(tmp_path):
    data = images_of([60, 60])

    def found(**sizes):
        return compare_strategies(data, {"net": Validated()}, sizes=sizes, repeats=1, folder=tmp_path).runs_found

    assert found(a=(50, 20, 30)) == 0
    assert found(b=(50, 20, 30)) == 1  # whatever its name
    assert found(a=(60, 10, 30)) == 0  # it validates on fewer
    assert len(fits(Network)) == 2


def test_other_sizes_and_test_sets_are_refused_and_a_split_gives_way(remarks):
    data = images_of([40, 40])
    for options in ({"train_sizes": [0.5]}, {"test_size": 0.2}, {"test": data}):
        with pytest.raises(ParameterError, match=f"got sizes and {next(iter(options))}"):
            compare_strategies(data, {"net": Network()}, sizes=STUDY, **options)
    parts = np.where(np.arange(80) < 60, "train", "test")
    split = ImageDataset(data.images, data.names, data.labels, split=parts)
    assert compare_strategies(split, {"net": Network()}, sizes={"a": (50, 20, 30)}, repeats=1).n_test == 24
    assert "gives way to the sizes" in str(remarks())
