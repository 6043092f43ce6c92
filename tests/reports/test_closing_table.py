"""Promised: the closing table has a row for each strategy that fits a terminal, with rates as they are typed."""

import dataclasses

import pytest

from comparisons import Network, images_of
from featx import compare_strategies
from featx.comparison.part_counts import PartCounts
from featx.comparison.strategy_traits import StrategyTraits
from featx.display.text_tables import render_text
from featx.reports.closing_table import closing_parts, counts_table


@pytest.fixture(scope="module")
def result():
    strategies = {f"finetuned on a network with a name that is long, {n}": Network(n / 20) for n in range(8)}
    return compare_strategies(images_of([40, 40]), strategies, train_sizes=[0.3, 0.6], repeats=2)


def with_traits(result, *traits, **changes):
    found = [
        dataclasses.replace(each, traits=each_traits, **changes)
        for each, each_traits in zip(result.sizes[-1].strategies, traits, strict=False)
    ]
    last = dataclasses.replace(result.sizes[-1], strategies=found)
    return dataclasses.replace(result, sizes=[*result.sizes[:-1], last])


def lines(result, width=None):
    return render_text(closing_parts(result), width=width).splitlines()


def test_a_row_has_what_a_strategy_learnt_with(result):
    study = with_traits(
        result,
        StrategyTraits("alexnet", 227, 1e-4, 1e-3, 6),
        StrategyTraits("small_cnn", 100, 0.01, 0.01, 10),
        epochs=6.0,
        train_accuracy=0.987,
        validation_accuracy=0.9,
    )
    shown = lines(dataclasses.replace(study, images_needed=None))
    assert shown[0] == "in short, at 48 images (24 images a class); accuracies in %, size in pixels"
    header = " ".join(shown[1].split())
    assert header == "strategy network valid. train test size rate (head) epochs time"
    first, second = (line[line.index(", ") :].split() for line in shown[3:5])
    assert first[2:5] == ["alexnet", "90.0", "98.7"]
    assert first[6:10] == ["227", "1e-4", "(1e-3)", "6"]
    assert second[6:11] == ["100", "1e-2", "6", "of", "10"]
    study = with_traits(result, StrategyTraits("alexnet", 227, None, 1e-3, 6), StrategyTraits("alexnet", 227))
    assert any(" - (1e-3) " in line for line in lines(study))  # no stage is trained


def test_eight_long_names_fit_a_terminal(result):
    traits = [StrategyTraits(f"efficientnet_b{n}", 224 + n, 3e-5, 9e-5, 30) for n in range(8)]
    study = with_traits(result, *traits, epochs=12.5, train_accuracy=1.0, validation_accuracy=0.9)
    narrow = lines(study, width=80)
    assert max(map(len, narrow)) <= 80
    rows = [line for line in narrow if "3e-5 (9e-5)" in line]
    assert len(rows) == 8
    assert len({line.split("  ")[0] for line in rows}) == 8
    assert any(line.startswith("not shown: ") for line in narrow)


def test_the_epochs_of_a_warm_up_are_shown_before_those_of_the_training(result):
    shown = lines(with_traits(result, StrategyTraits("resnet50", 224, 1e-5, 1e-5, 5, 10, 1e-4), epochs=5.0))
    assert shown[0].endswith("epochs of warm-up + training")
    assert " 10 + 5 " in shown[3]


def test_what_no_strategy_has_is_no_column(result):
    header = lines(result)[1]
    assert header.split() == ["strategy", "valid.", "train", "test", "epochs", "time"]


def test_the_images_needed_are_named_with_their_target(result):
    text = " ".join(lines(result))
    needed = result.images_needed
    assert f"images needed to reach {100 * needed.target:.1f} %, the accuracy of {needed.strategy} at 48 images" in text
    said = dict.fromkeys(needed.images)
    for part in text.partition("is as accurate): ")[2].split("; "):
        number, _, names = part.partition(" ")
        said |= {name: int(number) for name in said if name in names}
    assert said == needed.images


def test_counts_are_shown_with_percentages():
    parts = [
        PartCounts("small", 40, 40, 120, 200, {"cnn": 60}),
        PartCounts("", 140, 30, 30, 200, {"cnn": 60}),
    ]
    shown = render_text([counts_table(parts)], width=80).splitlines()
    assert shown[-4].split() == ["small", "40", "20.0", "40", "20.0", "120", "60.0"]
    assert shown[-3].split() == ["cnn", "60", "30.0", "-", "-", "-", "-"]
    assert shown[-2].split()[:4] == ["170", "images", "140", "70.0"]
    assert render_text([counts_table([PartCounts("", 60, None, 20, 80, {})])]).splitlines()[0] == "of 80 images"
