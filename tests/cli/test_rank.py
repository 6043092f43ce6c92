"""Promised: `featx rank` says which network to take, draws it, writes JSON, and forecasts without writing."""

import json

import pytest

from commands import NETWORK, featx

SEARCH = (*NETWORK, "--backbone", "squeezenet1_0", "--cv", "2", "--images", "64")


def test_a_ranking_prints_draws_and_writes(folder, tmp_path):
    result = featx("rank", folder, *SEARCH, "--plot", tmp_path / "r.png", "--json", tmp_path / "r.json",
                   "--report", tmp_path / "r.html", "--verbose")  # fmt: skip
    assert "Use squeezenet1_" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "use squeezenet1_" in result.stdout
    assert "passes of images through networks" in " ".join(result.stdout.split())
    found = json.loads((tmp_path / "r.json").read_text())
    assert {one["backbone"] for one in found["candidates"]} == {"squeezenet1_1", "squeezenet1_0"}
    assert found["n_timed"] == 64
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert "extraction" in result.stderr


def test_a_dry_run_says_what_it_costs_at_most(folder):
    result = featx("rank", folder, *SEARCH, "--dry-run")
    assert "measure the speed" in result.stdout
    assert "in all, at most" in result.stdout
    assert "what can no longer be the best is not forwarded on more images" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backbone", "resnet19"], "resnet19"),
        (["--backbone", "resnet18", "--backbone", "vgg11", "--layer", "layer9"], "has no layer 'layer9'"),
        (["--backbone", "resnet18", "--backbone", "vgg11", "--layer", "layer1"], "vgg11 has none of the layers layer1"),
        (["--images", "0"], "--images"),
        (["--plot", "r.txt"], "r.txt"),
    ],
    ids=["network", "layer", "foreign layer", "images", "picture"],
)
def test_wrong_values_are_refused_before_data_are_read(words, said):
    assert said in " ".join(featx("rank", "missing/", *words, code=2).stderr.split())
