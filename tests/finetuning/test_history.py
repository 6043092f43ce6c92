"""Promised: after each epoch a line says where the training is, and how long it may take."""

from featx.finetuning.history import HISTORY_KEYS, describe_epoch
from trainings import classifier


def test_verbose_prints_a_line_for_each_epoch(data, capsys):
    classifier(verbose=True).fit(*data)
    out, err = capsys.readouterr()
    assert out == ""
    lines = ["warm-up of the head, 20 epochs", "epoch 1/2", "epoch 2/2"]
    assert [line.split(":")[0] for line in err.splitlines()] == lines
    assert all("validation loss" in line for line in err.splitlines())
    classifier(verbose=True, early_stopping=False).fit(*data)
    assert "validation" not in capsys.readouterr().err
    classifier().fit(*data).predict(data[0])
    assert capsys.readouterr() == ("", "")


def test_the_line_of_an_epoch_extrapolates_the_time_of_those_before():
    first, second = (1, 0.9, 0.5, 0.8, 0.25, 1e-3, 70.0), (2, 0.75, 0.625, None, None, 1e-3, 50.0)
    history = {key: [value] for key, value in zip(HISTORY_KEYS, first, strict=True)}
    assert describe_epoch(history, 3) == (
        "epoch 1/3: loss 0.900, accuracy 50.0 %, validation loss 0.800, accuracy 25.0 %; 1 min 10 s, "
        "at most 2 min 20 s left"
    )
    for key, value in zip(HISTORY_KEYS, second, strict=True):
        history[key].append(value)
    assert describe_epoch(history, 2) == "epoch 2/2: loss 0.750, accuracy 62.5 %; 50 s"
