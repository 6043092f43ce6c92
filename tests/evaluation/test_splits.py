"""Promised: images of the same content are on one side of every split; without copies, splits are what they were."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from featx import DatasetError, ParameterError
from featx.comparison.repeats import draw_repeats
from featx.evaluation.nested_subsets import nested_subsets
from featx.evaluation.splits import check_fraction, held_out_split, inner_folds, outer_folds

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


@pytest.mark.parametrize("test_size", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("use_groups", [False, True])
def test_a_held_out_split_has_its_size_is_stratified_and_keeps_groups(test_size, use_groups):
    groups = np.repeat(np.arange(100), 3)
    y = np.where(groups % 4 == 0, "rare", "common")
    train, test = held_out_split(y, test_size, groups=groups if use_groups else None)
    assert sorted([*train, *test]) == list(range(300))
    assert len(test) / 300 == pytest.approx(test_size, abs=0.06 if use_groups else 0.005)
    assert np.mean(y[test] == "rare") == pytest.approx(0.25, abs=0.05)
    if use_groups:
        assert not set(groups[train]) & set(groups[test])


def test_a_held_out_split_follows_its_seed():
    y = np.arange(90) % 3
    first, again, other = (held_out_split(y, 0.3, random_state=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("test_size", [0, 1, -0.2, 1.5, 0.001])
def test_a_fraction_that_cannot_be_is_refused(test_size):
    with pytest.raises((ParameterError, DatasetError), match=f"test_size={test_size}"):
        held_out_split(np.arange(90) % 3, test_size)


@pytest.mark.parametrize("count", [8, 20])
def test_random_splits_of_groups_are_random(count):
    """The test sets of repeats are as good as independent of each other, and no group is left out of all of them."""
    rng = np.random.default_rng(count)
    shares = rng.lognormal(0, 0.7, count)
    groups, y = rng.choice(count, 600, p=shares / shares.sum()), np.arange(600) % 3
    tested, seen, sizes = np.zeros(count), set(), []
    for seed in range(200):
        train, test = held_out_split(y, 0.25, groups=groups, random_state=seed)
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(600))
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y[test]) == {0, 1, 2}
        inside = np.unique(groups[test])
        tested[inside] += 1
        seen.add(tuple(inside))
        sizes.append(len(test) / 600)
    assert tested[np.unique(groups)].min() >= 5
    assert len(seen) >= 10
    assert np.mean(sizes) == pytest.approx(0.25, abs=0.04)
    again = held_out_split(y, 0.25, groups=groups, random_state=3)
    assert all(
        np.array_equal(a, b) for a, b in zip(again, held_out_split(y, 0.25, groups=groups, random_state=3), strict=True)
    )


def test_a_split_of_groups_leaves_every_class_to_train_on():
    """One class is in two groups, of which one is always left."""
    groups, y = np.arange(60) // 3, np.zeros(60, int)
    y[:6] = 1
    for seed in range(50):
        train, test = held_out_split(y, 0.3, groups=groups, random_state=seed)
        assert set(y[train]) == set(y[test]) == {0, 1}


def test_groups_that_copies_join_into_one_cannot_be_split():
    groups = list("ppqqrs")
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


@pytest.mark.parametrize(
    "size", [np.float32(0.2), np.float16(0.2), Fraction(1, 5)], ids=["float32", "float16", "Fraction"]
)
def test_a_fraction_of_any_kind_of_numbers_is_meant_as_it_reads(size):
    assert check_fraction(size) == 0.2
    y = np.arange(40) % 2
    expected = held_out_split(y, 0.2)[1].tolist()
    assert held_out_split(y, size)[1].tolist() == expected
    assert len(expected) == 8
