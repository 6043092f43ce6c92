"""Promised: images of the same content are on one side of every split; without copies, splits are what they were."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from featx import DatasetError, ParameterError
from featx.comparison.design import draw_repeats
from featx.evaluation.class_sizes import check_counts, check_sizes
from featx.evaluation.nested_subsets import nested_subsets
from featx.evaluation.splits import check_fraction, held_out_split, inner_folds, outer_folds
from featx.evaluation.units import content_units, join_groups

RNG = np.random.default_rng(0)
LABELS = np.array(["many", "few"])[(RNG.random(90) < 0.3).astype(int)]


def every_split(y, *, groups=None, together=None, seed=0):
    """Return the (training, test) rows of every function that parts rows at random."""
    classes, truth = np.unique(y, return_inverse=True)
    found = [held_out_split(y, 0.3, groups=groups, together=together, random_state=seed)]
    found += outer_folds(truth, classes, 3, groups, seed, together)
    found += inner_folds(y, groups, seed, together)
    subsets = nested_subsets(y, [20, 40], groups=groups, together=together, random_state=seed)
    found += [(subset, np.setdiff1d(np.arange(len(y)), subset)) for subset in subsets]
    options = {"train_sizes": [0.4, 0.6], "test_size": 0.3, "repeats": 2, "random_state": seed}
    for repeat in draw_repeats(y, groups=groups, together=together, **options):
        found += [(rows, repeat.test) for rows in repeat.trains]
    return found


@pytest.mark.parametrize("copies", [2, 3, "some", "crossed"])
@pytest.mark.parametrize("grouped", [False, True])
def test_copies_are_on_one_side(copies, grouped):
    rng = np.random.default_rng(1)
    base = np.arange(30) % 2
    if copies in (2, 3):
        together, truth = np.repeat(np.arange(30), copies), np.repeat(base, copies)
    else:
        together = np.concatenate([np.arange(30), rng.integers(0, 30, 40)])
        truth = np.concatenate([base, rng.integers(0, 2, 40) if copies == "crossed" else base[together[30:]]])
    order = rng.permutation(len(truth))
    together, y = 7 * together[order], np.array(["a", "b"])[truth[order]]
    # Copies lie in groups of their own.
    groups = np.where(np.arange(len(y)) < 6, 0, np.arange(len(y))) if grouped else None
    for seed in range(5):
        for train, test in every_split(y, groups=groups, together=together, seed=seed):
            assert not set(together[train]) & set(together[test])
            assert not set(train) & set(test)
            assert set(y[train]) == {"a", "b"}


def test_folds_of_copies_cover_every_row_once_and_are_stratified():
    together, y = np.repeat(np.arange(40), 3), np.repeat(np.arange(40) % 4 == 0, 3)
    folds = outer_folds(y.astype(int), np.unique(y), 5, None, 0, together)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(120))
    assert [len(test) for _, test in folds] == [24] * 5
    assert [y[test].sum() for _, test in folds] == [6] * 5
    train, test = held_out_split(y, 0.25, together=together)
    assert (len(train), len(test)) == (90, 30)
    assert y[test].sum() in (6, 9)


@pytest.mark.parametrize("together", [None, np.arange(90), 3 * np.random.default_rng(2).permutation(90)])
@pytest.mark.parametrize("seed", range(3))
def test_without_copies_splits_are_scikit_learns(together, seed):
    classes, truth = np.unique(LABELS, return_inverse=True)
    options = {"shuffle": True, "random_state": seed}
    rows = np.arange(90)
    groups = rows // 3

    def same(found, expected):
        return all(
            np.array_equal(a, b) for f, e in zip(found, expected, strict=True) for a, b in zip(f, e, strict=True)
        )

    plain = list(StratifiedKFold(3, **options).split(truth, truth))
    grouped = list(StratifiedGroupKFold(3, **options).split(truth, truth, groups))
    assert same(outer_folds(truth, classes, 3, None, seed, together), plain)
    assert same(inner_folds(LABELS, None, seed, together), plain)
    assert same(outer_folds(truth, classes, 3, groups, seed, together), grouped)
    for size in (0.3, 20):
        expected = train_test_split(rows, test_size=size, stratify=truth, random_state=seed)
        found = held_out_split(LABELS, size, together=together, random_state=seed)
        assert same([found], [[np.sort(part) for part in expected]])
        by_group = [
            held_out_split(LABELS, size, groups=groups, together=t, random_state=seed) for t in (None, together)
        ]
        assert same(by_group[:1], by_group[1:])
    sizes = [1, 10, 55, 90]
    found, expected = (nested_subsets(LABELS, sizes, together=t, random_state=seed) for t in (together, None))
    assert [len(subset) for subset in found] == sizes
    assert all(map(np.array_equal, found, expected))


def test_units_are_numbered_by_their_first_rows_and_count_for_the_smaller_class():
    units = content_units(np.array([0, 1, 0, 1, 1, 1]), np.array([9, 4, 9, 4, 7, 9]))
    assert units.codes.tolist() == [0, 1, 0, 1, 2, 0]
    assert units.labels.tolist() == [0, 1, 1]
    assert units.rows(np.array([0, 2])).tolist() == [0, 2, 4, 5]
    # Sixteen images, each under both labels: eight count for either.
    both = content_units(np.tile([0, 1], 16), np.repeat(np.arange(16), 2))
    assert np.bincount(both.labels).tolist() == [8, 8]


def test_groups_that_share_a_content_are_one():
    groups = np.array(["p", "p", "q", "q", "r", "s"])
    assert join_groups(groups, np.arange(6)) is groups
    assert join_groups(groups, None) is groups
    joined = join_groups(groups, np.array([0, 1, 1, 2, 2, 3]))
    assert len(set(joined[:5])) == 1
    assert joined[5] not in joined[:5]
    with pytest.raises(DatasetError, match="join all 4 into one"):
        held_out_split(
            np.array(list("aabbababab")),
            0.5,
            groups=[*groups, *"ppqq"],
            together=np.array([0, 1, 1, 2, 2, 1, 3, 4, 5, 6]),
        )


def test_a_class_of_copies_is_counted_once_an_image():
    y, together = np.repeat(["a", "b"], [30, 9]), np.concatenate([np.arange(30), np.full(9, 30)])
    words = "class 'b' has 1 image, fewer than the 3 that 3 folds need, copies counted once"
    with pytest.raises(DatasetError, match=words):
        outer_folds((y == "b").astype(int), np.unique(y), 3, None, 0, together)
    with pytest.raises(DatasetError, match="class 'b' has 1 image, fewer than the 2 that tuning needs"):
        inner_folds(y, None, 0, together)


def test_all_classes_that_are_too_small_are_listed_the_smallest_first():
    y = np.repeat(["a", "b", "c", "d"], [9, 2, 3, 1])
    classes, truth = np.unique(y, return_inverse=True)
    with pytest.raises(DatasetError) as caught:
        outer_folds(truth, classes, 5, None, 0)
    assert caught.value.message == (
        "3 of 4 classes have fewer images than the 5 that 5 folds need: 'd' (1), 'b' (2), 'c' (3)"
    )
    assert "cv" not in caught.value.next_step
    names = [f"c{number}" for number in range(30)]
    with pytest.raises(DatasetError, match=r"'c19' \(1\) and 10 more with 1 to 2"):
        check_sizes(names, np.repeat([1, 2], [25, 5]), 3, "tuning needs")
    with pytest.raises(DatasetError, match="only one class, 'x'"):
        check_counts(np.zeros(3, int), ["x"], 2, "tuning needs")


@pytest.mark.parametrize(
    ("n_classes", "each", "size", "works"),
    [(46, 3, 0.2, 0.33), (10, 3, 0.1, 0.31), (4, 3, 0.9, 0.66), (4, 3, 1, 0.26), (3, 4, 11, 0.75)],
)
def test_a_size_that_is_too_small_or_large_is_answered_with_one_that_works(n_classes, each, size, works):
    y = np.repeat([f"c{number:02}" for number in range(n_classes)], each)
    with pytest.raises(DatasetError, match=f"^test_size={size} of {len(y)} images") as caught:
        held_out_split(y, size)
    assert caught.value.next_step == f"Choose test_size={works} (--test-size {works})."
    train, test = held_out_split(y, works)
    assert len(set(y[train])) == len(set(y[test])) == n_classes


def test_strata_of_one_image_are_all_named():
    y, finer = np.repeat(["a", "b"], 20), np.array(["x"] * 19 + ["y"] + ["x"] * 19 + ["z"])
    with pytest.raises(DatasetError, match=r"2 of 4 strata have fewer images than the 2.*: 'a, y' \(1\), 'b, z' \(1\)"):
        draw_repeats(y, train_sizes=None, test_size=0.25, stratify=finer)


@pytest.mark.parametrize(
    "size", [np.float32(0.2), np.float16(0.2), Fraction(1, 5)], ids=["float32", "float16", "Fraction"]
)
def test_a_fraction_of_any_kind_of_numbers_is_meant_as_it_reads(size):
    assert check_fraction(size) == 0.2
    y = np.arange(40) % 2
    expected = held_out_split(y, 0.2)[1].tolist()
    assert held_out_split(y, size)[1].tolist() == expected
    assert len(expected) == 8


def test_every_subset_holds_each_class_to_within_one_image_of_its_share():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 30, rng.integers(2, 12))
        y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        n = len(y)
        for size, rows in enumerate(nested_subsets(y, range(1, n + 1), random_state=seed), start=1):
            assert len(rows) == len(set(rows)) == size
            assert np.abs(np.bincount(y[rows], minlength=len(counts)) - size * counts / n).max() < 1


def test_smaller_subsets_lie_inside_larger_ones_and_follow_the_seed():
    y = np.arange(60) % 3
    sizes = [30, 6, 60]
    first, again, other = (nested_subsets(y, sizes, random_state=seed) for seed in (0, 0, 1))
    assert [len(rows) for rows in first] == sizes
    assert set(first[1]) < set(first[0]) < set(first[2])
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_subsets_take_whole_groups_and_meet_their_sizes_roughly():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 6, 60)))
    y = np.where(groups % 3 == 0, "rare", "common")
    n = len(y)
    small, large = nested_subsets(y, [n // 5, n // 2], groups=groups)
    assert set(small) < set(large)
    for rows, size in ((small, n // 5), (large, n // 2)):
        assert not set(groups[rows]) & set(np.delete(groups, rows))
        assert abs(len(rows) - size) <= 3
        assert np.sum(y[rows] == "rare") == pytest.approx(len(rows) * np.mean(y == "rare"), abs=5)


@pytest.mark.parametrize("size", [0, 11, 2.5, True, "3"])
def test_subsets_that_cannot_be_are_refused(size):
    with pytest.raises(ParameterError, match="got a subset of"):
        nested_subsets(np.arange(10) % 2, [size])
