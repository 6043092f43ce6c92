"""Promised: loss and accuracy of every mini-batch are kept, in few bytes, and go on exactly after a checkpoint."""

import numpy as np
import pytest
import torch

from featx.finetuning.iterations import IterationCurves
from trainings import classifier


def test_steps_are_counted_and_validation_has_the_number_of_the_last_one():
    curves = IterationCurves()
    curves.add_validation(2.0, 0.25)
    curves.add_steps([1.5, 1.25], [0.5, 0.75])
    curves.n_warmup = curves.n_steps
    curves.add_steps([1.0], [1.0])
    curves.add_validation(0.5, 0.875)
    found = curves.arrays()
    assert found.pop("n_warmup") == 2
    assert {name: values.tolist() for name, values in found.items()} == {
        "loss": [1.5, 1.25, 1.0], "accuracy": [0.5, 0.75, 1.0],
        "val_iteration": [0, 3], "val_loss": [2.0, 0.5], "val_accuracy": [0.25, 0.875]}  # fmt: skip
    assert {str(values.dtype) for values in found.values()} == {"float32", "int64"}


def test_what_a_checkpoint_holds_is_all(tmp_path):
    curves = IterationCurves()
    curves.add_steps([0.1, 0.2], [1 / 3, 0.5])
    curves.add_validation(0.3, 0.7)
    torch.save(curves.state(), tmp_path / "state.pt")
    again = IterationCurves()
    again.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    for each in (curves, again):
        each.add_steps([0.4], [1.0])
    for name, values in curves.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], values)


@pytest.mark.parametrize("head_init", ["warmup", "logistic", "random"])
def test_the_steps_of_an_epoch_make_up_its_loss_and_accuracy(data, head_init):
    options = {"head_init": head_init, "warmup_epochs": 3, "batch_size": 7, "epochs": 2}
    fitted = classifier(**options, validation_fraction=0.25).fit(*data)
    history, found = fitted.history_, fitted.history_["iterations"]
    sizes = [len(part) for part in np.array_split(np.arange(18), 3)]
    parts = [history["warmup"]] if head_init == "warmup" else []
    losses = [value for part in parts for value in part["loss"][1:]] + history["loss"]
    hits = [value for part in parts for value in part["accuracy"][1:]] + history["accuracy"]
    assert len(found["loss"]) == 3 * len(losses)
    assert found["n_warmup"] == (9 if parts else 0)
    np.testing.assert_allclose(np.average(found["loss"].reshape(-1, 3), axis=1, weights=sizes), losses, rtol=1e-5)
    np.testing.assert_allclose(np.average(found["accuracy"].reshape(-1, 3), axis=1, weights=sizes), hits, rtol=1e-5)
    # Before the first step too, but for a random head, which is no result.
    ends = np.arange(0 if head_init != "random" else 3, len(found["loss"]) + 1, 3)
    assert found["val_iteration"].tolist() == ends.tolist()
    np.testing.assert_allclose(found["val_accuracy"][-2:], history["val_accuracy"])
    np.testing.assert_allclose(found["val_loss"][-2:], history["val_loss"], rtol=1e-6)


def test_without_a_validation_part_there_are_only_the_steps(data):
    found = classifier(early_stopping=False, warmup_epochs=1, epochs=1).fit(*data).history_["iterations"]
    assert [len(found[name]) for name in ("loss", "accuracy", "val_iteration", "val_loss", "val_accuracy")] == [
        2, 2, 0, 0, 0]  # fmt: skip
