"""Promised: skops is loaded without torch, and trusts what it trusts otherwise."""

import json
import subprocess
import sys

CODE = """
import json, sys
{load}
from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES
refusals = [finder for finder in sys.meta_path if type(finder).__module__.startswith("featx")]
print(json.dumps([sorted(SKLEARN_ESTIMATOR_TYPE_NAMES), sorted({{"torch", "dask"}} & set(sys.modules)), len(refusals)]))
"""


def loaded(load):
    run = subprocess.run([sys.executable, "-c", CODE.format(load=load)], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def test_torch_is_left_out_and_no_estimator():
    trusted, libraries, refusals = loaded("import featx.model_files.persistence")
    assert (libraries, refusals) == ([], 0)
    assert trusted == loaded("import skops.io")[0]
