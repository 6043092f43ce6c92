"""Promised: the shape of the features is said before a run that flattens them, and of any other with --verbose."""

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


def test_other_features_are_described_with_verbose_alone(folder, tmp_path):
    text = "features of squeezenet1_1, layer features.5, at 32 pixels: 3 x 3 x 128 (height x width x channels), pooled"
    layer = ("--layer", "features.5", *NETWORK)
    for more in ((), ("-v", "-q")):
        assert text not in lines(featx("extract", folder, "-o", tmp_path / "e.h5", *layer, *more))
    commands = {
        "extract": ("-o", tmp_path / "e.h5"),
        "fit": ("--dry-run", *QUICK),
        "finetune": ("--dry-run", "--trainable-stages", "1"),
    }
    for command, options in commands.items():
        assert f"{text} (avg) to 128" in lines(featx(command, folder, *options, *layer, "-v")), command
