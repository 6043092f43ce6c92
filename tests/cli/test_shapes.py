"""Promised: the shape of the features is said before a run that flattens them, and of any other with --verbose."""

import pytest

from commands import NETWORK, featx

QUICK = ("--grid", "logistic.C=0.01", "--cv", "3")
MAP = "features of squeezenet1_1 at 32 pixels: 1 x 1 x 512 (height x width x channels)"


def lines(result):
    return " ".join(result.stderr.split())


def test_flattened_features_are_described_before_the_images_are_forwarded(folder, tmp_path):
    shown = lines(featx("fit", folder, "-o", tmp_path / "m.skops", "--pooling", "flatten", "--pooling", "avg", *NETWORK,
                        *QUICK))  # fmt: skip
    assert shown.count("features of") == 1
    assert f"{MAP}, flattened to 512 " in shown.partition("forwarded")[0]
    shown = lines(featx("extract", folder, "-o", tmp_path / "e.h5", "--pooling", "flatten", *NETWORK))
    assert f"{MAP}, flattened to 512 " in shown.partition("forwarded")[0]


@pytest.mark.parametrize(
    ("more", "said"), [((), False), (("-v",), True), (("-v", "-q"), False)], ids=["usual", "verbose", "quiet"]
)
def test_other_features_are_described_with_verbose(more, said, folder, tmp_path):
    commands = {
        "extract": ("-o", tmp_path / "e.h5", "--layer", "features.5"),
        "fit": ("--dry-run", "--layer", "features.5", *QUICK),
        "finetune": ("--dry-run", "--layer", "features.5", "--trainable-stages", "1"),
    }
    for command, options in commands.items():
        shown = lines(featx(command, folder, *options, *NETWORK, *more))
        text = (
            "features of squeezenet1_1, layer features.5, at 32 pixels: 3 x 3 x 128 (height x width x channels), pooled"
        )
        assert (f"{text} (avg) to 128" in shown) == said, command
