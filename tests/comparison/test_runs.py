"""Promised: a comparison that is stopped goes on where it was, and computes only what is new."""

import json

import numpy as np
import pytest
from torch import nn

from comparisons import Network, fits
from featx import CNNFeatureTransformer, DatasetError, compare_strategies, make_strategy
from featx.comparison.run_files import is_fully_described
from featx.datasets.dataset import ImageDataset


def figures(result):
    plain = result.to_dict()
    plain.pop("runs_found")
    for size in plain["sizes"]:
        for found in size["strategies"]:
            found.pop("seconds")
        size.pop("verdict")
    return plain


def test_what_is_stopped_goes_on_where_it_was(dataset, calls, tmp_path):
    options = {"train_sizes": [0.2, 0.5], "repeats": 2, "folder": tmp_path / "runs"}
    strategies = {"a": Network(0.1), "b": Network(0.3, stop_at=6)}
    with pytest.raises(KeyboardInterrupt):
        compare_strategies(dataset, strategies, **options)
    assert len(fits(calls)) == 6
    checkpoints = list((tmp_path / "runs").glob("*.ckpt"))
    assert [path.read_text() for path in checkpoints] == ["half trained"]
    result = compare_strategies(dataset, strategies, **options)
    assert (len(fits(calls)), result.runs_found) == (6 + 3, 5)
    assert not list((tmp_path / "runs").glob("*.ckpt"))
    again = compare_strategies(dataset, strategies, **options)
    assert (len(fits(calls)), again.runs_found) == (9, 8)
    straight = compare_strategies(dataset, {**strategies, "b": Network(0.3)}, **{**options, "folder": None})
    assert figures(straight) == figures(result) == figures(again)


def test_more_repeats_sizes_and_strategies_compute_only_what_is_new(dataset, calls, tmp_path):
    found = [
        compare_strategies(dataset, strategies, train_sizes=sizes, repeats=repeats, folder=tmp_path).runs_found
        for strategies, sizes, repeats in (
            ({"a": Network(0.1)}, [0.5], 1),
            ({"a": Network(0.1)}, [0.5], 2),
            ({"b": Network(0.2), "a": Network(0.1)}, [0.5, 0.2], 2),
        )
    ]
    assert found == [0, 1, 2]
    assert len(fits(calls)) == 1 + 1 + 6


def test_runs_that_may_have_been_tuned_on_other_images_are_made_again_and_it_is_said(
    dataset, tiny, tmp_path, monkeypatch, caplog
):
    strategies = {"frozen:ncm": make_strategy("frozen:ncm", CNNFeatureTransformer(**tiny))}
    options = {"train_sizes": [30], "repeats": 1, "folder": tmp_path / "runs"}
    compare_strategies(dataset, strategies, **options)
    for module in ("runs", "run_files"):
        monkeypatch.setattr(f"featx.comparison.{module}.TUNING_IMAGES", 20)
    caplog.clear()
    assert compare_strategies(dataset, strategies, **options).runs_found == 0
    assert sum("do not say on how many of them parameters were chosen" in text for text in caplog.messages) == 1
    assert compare_strategies(dataset, strategies, **options).runs_found == 1


def test_damaged_runs_are_computed_again(dataset, calls, tmp_path):
    options = {"train_sizes": [0.2, 0.5], "repeats": 2, "folder": tmp_path}
    strategies = {"net": Network(0.2)}
    result = compare_strategies(dataset, strategies, **options)
    whole, cut, flipped, empty = sorted(tmp_path.glob("*.npz"))
    cut.write_bytes(cut.read_bytes()[:200])
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 255
    flipped.write_bytes(data)
    empty.write_bytes(b"")
    again = compare_strategies(dataset, strategies, **options)
    assert (len(fits(calls)), again.runs_found) == (4 + 3, 1)
    assert figures(result) == figures(again)
    assert whole.exists()


def test_a_run_is_another_one_when_anything_that_it_depends_on_changes(dataset, calls, tmp_path):
    def found(data=dataset, strategy=None, **options):
        strategies = {"net": strategy or Network(0.2)}
        return compare_strategies(data, strategies, **{"repeats": 1, "folder": tmp_path, **options}).runs_found

    renamed = ImageDataset(dataset.images, [f"{name}.png" for name in dataset.names], dataset.labels)
    brighter = dataset.images[0] + np.uint8(1)
    brighter[0, :2] = dataset.images[0][0, :2]
    changed = ImageDataset([brighter, *dataset.images[1:]], dataset.names, dataset.labels)
    relabelled = ImageDataset(dataset.images, dataset.names, np.array([f"the {label}" for label in dataset.labels]))
    assert found() == 0
    assert found() == found(renamed) == found(strategy=Network(0.2, checkpoint=None)) == 1
    assert found(changed) == found(relabelled) == found(strategy=Network(0.3)) == found(random_state=5) == 0
    assert found(test_size=0.3) == found(train_sizes=[0.3]) == 0
    assert found() == 1


def test_a_strategy_that_is_renamed_finds_its_runs(dataset, calls, tmp_path):
    options = {"repeats": 2, "folder": tmp_path}
    first = compare_strategies(dataset, {"a": Network(0.2)}, **options)
    renamed = compare_strategies(dataset, {"b": Network(0.2)}, **options)
    assert (len(fits(calls)), renamed.runs_found) == (2, 2)
    assert renamed.sizes[0].strategies[0].accuracies == first.sizes[0].strategies[0].accuracies
    assert compare_strategies(dataset, {"b": Network(0.3)}, **options).runs_found == 0


def test_only_what_is_fully_described_may_have_another_name():
    assert is_fully_described(Network(0.2, weights=["a", {"b": np.zeros(2)}], backbone=Network()))
    assert not is_fully_described(Network(backbone=nn.Linear(1, 1)))
    assert not is_fully_described(Network(weights=[object()]))
    frozen = make_strategy("frozen", CNNFeatureTransformer(nn.Linear(1, 1)))
    assert is_fully_described(frozen)
    assert is_fully_described(frozen.set_params(head__grid={"C": [0.1]}))


class Failing(Network):
    def fit(self, X, y, groups=None):
        if len(X) > 20:
            raise DatasetError("too many images", "Take fewer.")
        return super().fit(X, y)


def test_an_error_names_the_run_and_finished_runs_are_kept(dataset, calls, tmp_path):
    strategies = {"net": Network(), "picky": Failing()}
    with pytest.raises(DatasetError, match="picky, 40 images, repeat 1 of 2: too many images"):
        compare_strategies(dataset, strategies, train_sizes=[0.2, 0.5], repeats=2, folder=tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 3


def test_runs_of_before_are_found_without_training_curves(dataset, tiny, tmp_path):
    quick = {"epochs": 1, "augment_draws": 1, "augmentation": "none"}
    strategies = {"net": make_strategy("scratch", CNNFeatureTransformer(**tiny), parameters=quick)}
    options = {"repeats": 1, "train_sizes": [20], "folder": tmp_path}
    first = compare_strategies(dataset, strategies, **options)
    assert len(first.sizes[0].strategies[0].histories[0]["loss"]) == 1
    for path in tmp_path.glob("*.npz"):
        with np.load(path) as file:
            figures, array = json.loads(str(file["figures"])), file["array"]
        figures = {key: value for key, value in figures.items() if key not in ("history", "best_epoch")}
        np.savez_compressed(path, figures=np.array(json.dumps(figures)), array=array)
    again = compare_strategies(dataset, strategies, **options)
    (found,) = again.sizes[0].strategies
    assert (again.runs_found, found.histories, found.epochs) == (1, [None], None)
    assert found.confusion.tolist() == first.sizes[0].strategies[0].confusion.tolist()
    assert any("runs that an earlier version wrote have no training curves" in note for note in again.notes)
