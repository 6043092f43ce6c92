"""Promised: messages of a command name its options where Python's name parameters, and leave names of files alone."""

import click
import pytest
from click.testing import CliRunner

from featx import CacheError
from featx.cli import main
from featx.cli.wording import in_options, register_options


@pytest.mark.parametrize(
    ("command", "said", "shown"),
    [
        ("finetune", "got learning_rate=-1.0; expected", "got --learning-rate -1.0; expected"),
        ("compare", "got learning_rate=-1.0; expected", "got learning_rate=-1.0; expected"),
        ("fit", "Choose test_size=0.3 (--test-size 0.3).", "Choose --test-size 0.3."),
        ("fit", "pass --test-size 0.25 (test_size=0.25).", "pass --test-size 0.25."),
        ("fit", "or use cv=14 (--cv 14).", "or use --cv 14."),
        ("fit", "put it into /a, or pass weights=FILE, or", "put it into /a, or pass --weights FILE, or"),
        ("fit", "got random_state=1.5 with weights=None;", "got --seed 1.5 with --weights none;"),
        ("fit", "say so by value_range=(0, 4095) (--value-range 0,4095);", "say so by --value-range 0,4095;"),
        ("fit", "by `--label-column NAME`, in Python label_column=NAME.", "by `--label-column NAME`."),
        ("fit", "Add `--split-from a.csv`, in Python split_from=, which", "Add `--split-from a.csv`, which"),
        ("fit", "--head svm --head knn, in Python ['svm', 'knn'].", "--head svm --head knn."),
        ("fit", "got plot_confusion='a.jpg'; expected a name", "got --plot-confusion a.jpg; expected a name"),
        ("fit", "note: path_column='Datei' has no effect", "note: --path-column Datei has no effect"),
        ("fit", "note: cv=5 has no effect: the", "note: --cv 5 has no effect: the"),
        ("compare", "or leave train_sizes out for all", "or leave --train-size out for all"),
        ("finetune", "early_stopping=False (--no-early-stopping)", "--no-early-stopping"),
        ("finetune", "Choose a larger batch_size.", "Choose a larger --batch-size."),
        ("finetune", "or batch_norm='frozen'.", "or --batch-norm frozen."),
        ("finetune", "more than boundary_cache_bytes=8.0 GB", "more than --boundary-cache-bytes 8.0 GB"),
        ("extract", "choose another folder (cache=DIR).", "choose another folder (--cache DIR)."),
        ("cache", "choose another folder (cache=DIR).", "choose another folder (--cache DIR)."),
        ("fit", "Name it: positive='CLASS' (--positive CLASS).", "Name it: --positive CLASS."),
        ("fit", "on all: tuning_images=None (--tuning-images all)", "on all: --tuning-images all"),
        ("compare", "on all: tuning_images=None (--set f.tuning_images=None)", "on all: --set f.tuning_images=None"),
        ("rank", "on more images: images=N (--images N).", "on more images: --images N."),
        ("fit", "before that. layer='output' is what", "before that. --layer output is what"),
        ("fit", "of 16 bits; value_range says which", "of 16 bits; --value-range says which"),
        ("fit", "Choose an image_size that it takes", "Choose an --image-size that it takes"),
        ("finetune", "Names of stages belong in trainable_stages.", "Names of stages belong in --trainable-stages."),
        ("finetune", "layers too: trainable_stages='all'.", "layers too: --trainable-stages all."),
        ("finetune", "begins as head_init='warmup'", "begins as head_init='warmup'"),
        ("predict", "got test_size=2; top=1", "got test_size=2; --top 1"),
        ("fit", "cannot read image seed=3/cv=5.png: gone", "cannot read image seed=3/cv=5.png: gone"),
        ("fit", "cannot read image a/test_size=1: cut", "cannot read image a/test_size=1: cut"),
        ("fit", "12 images of seed=1 and the class head", "12 images of seed=1 and the class head"),
    ],
)  # fmt: skip
def test_parameters_are_named_as_the_command_does(command, said, shown):
    with click.Context(main.commands[command]) as ctx:
        if command != "cache":
            register_options(ctx)
        assert in_options(said, ctx) == shown


def test_errors_and_notes_of_a_command_name_its_options(tmp_path):
    options = ["--label-column", "kind", "--cv", "900"]
    found = CliRunner().invoke(main, ["fit", "sample:digits", "-o", str(tmp_path / "m.skops"), *options])
    assert "note: --label-column kind has no effect" in found.stderr
    assert "--cv 1" in " ".join(found.stderr.split())
    assert "cv=" not in found.stderr


def test_items_of_a_next_step_have_lines_of_their_own(monkeypatch):
    def fail(*_):
        raise CacheError("two fit\n  indeed.", "Choose one:\n  first\n  second")

    monkeypatch.setattr("featx.cache.EmbeddingCache", fail)
    found = CliRunner().invoke(main, ["cache", "info"])
    assert found.stderr == "featx: two fit indeed. Choose one:\n  first\n  second\n"


@pytest.mark.parametrize(("message", "said"), [("is on.", "is on. Do."), ("a...", "a.... Do."), ("a", "a. Do.")])
def test_a_message_that_ends_with_a_full_stop_has_one(message, said):
    assert str(CacheError(message, "Do.")) == said
    assert str(CacheError(message)) == message
