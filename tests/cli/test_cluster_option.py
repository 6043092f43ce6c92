"""Promised: --cluster does what joblib.parallel_config does in Python, and wrong names end before torch is loaded."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from joblib.parallel import get_active_backend
from PIL import Image

from commands import NETWORK
from featx.cli import main


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
                tmp_path / "data" / label / f"{number}.png"
            )
    return tmp_path / "data"


@pytest.mark.parametrize("command", ["extract", "fit", "finetune", "compare"])
def test_commands_compute_where_they_are_told(command, folder, tmp_path, monkeypatch):
    seen = []

    def noting(*arguments, **options):
        seen.append(get_active_backend()[1])
        raise KeyboardInterrupt

    monkeypatch.setattr("featx.extraction.extract.distribute", noting)
    monkeypatch.chdir(tmp_path)
    output = {"extract": ["-o", "out.h5"], "compare": []}.get(command, ["-o", "model.skops"])
    CliRunner().invoke(main, [command, str(folder), *output, *NETWORK, "--cluster", "loky:3"])
    assert seen == [3]
    assert get_active_backend()[1] is None


def test_a_wrong_name_ends_the_command_before_torch_is_loaded(folder):
    code = "import sys; from featx.cli import main; main(sys.argv[1:], standalone_mode=False)"
    code = f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); {code}"
    run = subprocess.run([sys.executable, "-c", code, "extract", str(folder), "-o", "x.h5", "--cluster", "dusk:1"],
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 2
    assert run.stdout == "False\n"
    assert " ".join(run.stderr.split()) == "featx: got --cluster 'dusk:1'; expected a cluster. Did you mean dask?"


@pytest.mark.cluster
def test_rows_are_those_of_a_run_without(folder, tmp_path):
    texts = []
    for name, more in (("plain", []), ("shared", ["--cluster", "loky:2"])):
        options = ["-o", str(tmp_path / f"{name}.h5"), "--cache", str(tmp_path / name), "--batch-size", "2", *NETWORK]
        result = CliRunner().invoke(main, ["extract", str(folder), *options, *more])
        assert result.exit_code == 0, result.output
        texts.append((tmp_path / f"{name}.h5").read_bytes())
    assert texts[0] == texts[1]
