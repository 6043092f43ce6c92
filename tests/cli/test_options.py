"""Promised: outputs are checked before hours are spent, and options stand for the parameters of the library."""

import json
import os

import click
import pytest

from featx import CNNFeatureTransformer, Failure
from featx.cli import main
from featx.cli.options import transformer_from, write_failures

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")


def parsed(*arguments):
    """Return what `featx fit` makes of its options."""
    with main.commands["fit"].make_context("fit", ["photos", "-o", "m.skops", *arguments]) as ctx:
        return ctx.params


def test_ten_skipped_images_are_named_and_all_are_listed(tmp_path, capsys):
    failures = [Failure(number, f"{number}.png", "cut off") for number in range(12)]
    write_failures({"failures": str(tmp_path / "bad.json"), "quiet": False}, failures)
    assert capsys.readouterr().err.splitlines() == [
        *(f"skipped {number}.png: cut off" for number in range(10)),
        "skipped 2 more; --failures FILE.json lists them all",
    ]
    listed = json.loads((tmp_path / "bad.json").read_text())
    assert listed == [{"index": number, "path": f"{number}.png", "reason": "cut off"} for number in range(12)]
    write_failures({"failures": None, "quiet": False}, failures[:1])
    write_failures({"failures": None, "quiet": True}, failures)
    assert capsys.readouterr().err == "skipped 0.png: cut off\n"


def test_without_options_the_transformer_is_that_of_python_but_for_what_it_prints():
    options = parsed()
    found = transformer_from(options, layer=None, pooling="auto").get_params()
    assert found == CNNFeatureTransformer(verbose=True).get_params()


def test_options_set_the_parameters_of_the_transformer():
    typed = {
        "backbone": ("resnet18", "resnet18"), "weights": ("None", None), "image-size": ("64", 64),
        "resize": ("squash", "squash"), "precision": ("float16", "float16"), "device": ("cpu", "cpu"),
        "batch-size": ("4", 4), "n-jobs": ("2", 2), "cache": ("none", None), "on-error": ("skip", "skip"),
        "value-range": ("0,4095", (0, 4095)), "seed": ("7", 7),
    }  # fmt: skip
    options = parsed("-q", *(word for name, (text, _) in typed.items() for word in (f"--{name}", text)))
    found = transformer_from(options, layer="layer3", pooling="max").get_params()
    expected = {name.replace("-", "_").replace("seed", "random_state"): value for name, (_, value) in typed.items()}
    assert found == {**CNNFeatureTransformer(layer="layer3", pooling="max", verbose=False).get_params(), **expected}
    # No option: what a command reads says its own shape, a module of one's own cannot be named, and several views are
    # those of a search.
    assert found.keys() - expected.keys() == {"layer", "pooling", "verbose", "image_shape", "cache_key", "prefetch"}


@pytest.mark.parametrize("before", [None, "0"])
def test_files_are_read_for_their_digests_until_the_command_ends(before, monkeypatch):
    monkeypatch.delenv("FEATX_CHECKSUM", raising=False)
    if before is not None:
        monkeypatch.setenv("FEATX_CHECKSUM", before)
    with main.commands["fit"].make_context("fit", ["photos", "-o", "m.skops", "--checksum"]):
        assert os.environ["FEATX_CHECKSUM"] == "1"
    assert os.environ["FEATX_CHECKSUM"] == "0"


def test_only_a_dry_run_needs_no_output():
    fit = main.commands["fit"]
    with pytest.raises(click.MissingParameter, match="output"):
        fit.make_context("fit", ["photos"])
    for arguments in (["--dry-run", "photos"], ["photos", "--dry-run"]):
        assert fit.make_context("fit", arguments).params["output"] is None
