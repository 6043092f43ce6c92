"""Promised: `featx predict` prints no more than the model knows."""

import csv
import io
import json

import numpy as np
from click.testing import CliRunner
from featx.cli import main
from PIL import Image
from pipelines import behind
from sklearn.svm import LinearSVC

from featx import save_model


def test_the_command_leaves_a_probability_out_that_there_is_not(tmp_path):
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.png") for number in range(9)]
    for number, path in enumerate(paths):
        low = 80 * (number // 3)
        Image.fromarray(rng.integers(low, low + 90, (8, 8, 3), dtype=np.uint8)).save(path)
    model = behind(LinearSVC(random_state=0, max_iter=100_000)).fit(paths, np.repeat(["a", "b", "c"], 3))
    save_model(model, tmp_path / "model.skops")

    def shown(form):
        arguments = ["predict", str(tmp_path / "model.skops"), paths[0], "--top", "2", "--format", form, "-q"]
        run = CliRunner().invoke(main, arguments)
        assert run.exit_code == 0, run.output
        return run.stdout

    assert list(csv.reader(io.StringIO(shown("csv")))) == [
        ["path", "label", "probability", "label_2", "probability_2"],
        [paths[0], "a", "", "b", ""],
    ]
    assert json.loads(shown("json"))[0]["top"] == [
        {"label": "a", "probability": None},
        {"label": "b", "probability": None},
    ]
    assert "1.000" not in shown("table")
