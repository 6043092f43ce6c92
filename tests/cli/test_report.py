"""Promised: what commands print fits the terminal, goes to the right stream, and is whole in a pipe."""

import json

import click
import pytest

from featx.cli import main
from featx.cli.report import note, print_forecast, say, show, wrapped
from featx.cli.wording import register_options
from featx.display.tables import Table
from featx.forecast.result import ForecastResult, Part

LONG = " ".join(f"word{number}" for number in range(30))
WIDE = Table(["class", "images", "recall"], [["cat" * 5, "12", "94.9 % (93.8-95.8)"]], drop=[1])


@pytest.fixture
def narrow(monkeypatch):
    """Have both streams be terminals of forty columns."""
    monkeypatch.setattr("featx.cli.report.line_width", lambda *, err=False: 40)


@pytest.fixture
def forecast():
    return ForecastResult(40, 40, 0, True, 8, 0, parts=[Part("forward", 75.4, 2_000_000, 0, 40)])


@pytest.mark.parametrize("err", [False, True], ids=["results", "remarks"])
def test_a_stream_gets_its_lines_and_the_other_none(err, capsys):
    say("a\x1b[2J", err=err)
    show(["b", Table(["n"], [["1"]])], err=err)
    captured = capsys.readouterr()
    assert (captured.err if err else captured.out) == "a\\x1b[2J\nb\n\nn\n-\n1\n"
    assert (captured.out if err else captured.err) == ""


def test_a_pipe_gets_lines_of_any_length_and_a_terminal_those_that_fit(capsys, request):
    say(LONG)
    show([WIDE])
    assert capsys.readouterr().out.splitlines()[::3] == [LONG, "cat" * 5 + "  12      94.9 % (93.8-95.8)"]
    request.getfixturevalue("narrow")
    say(LONG)
    show([WIDE])
    show([WIDE], rest="ask")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).split()[:30] == LONG.split()
    left_out = [line for line in lines if "not shown" in line]
    assert left_out == ["not shown: images: `--json` has all", "not shown: images: ask"]


def test_a_framed_result_stands_between_empty_lines(capsys):
    show(["accuracy 50.0 %"], framed=True)
    assert capsys.readouterr().out == "\naccuracy 50.0 %\n\n"


def test_sentences_of_a_result_name_the_options_of_the_command(capsys):
    with click.Context(main.commands["fit"]) as ctx:
        register_options(ctx)
        show(["3 folds\n20 of 40 images drawn by per_class=4", Table(["by per_class=4"], [["1"]])])
        note({"quiet": False}, "10 of 20 images drawn by per_class=5")
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == ["3 folds", "20 of 40 images drawn by --per-class 4"]
    assert "by per_class=4" in captured.out
    assert captured.err == "10 of 20 images drawn by --per-class 5\n"


def test_notes_go_to_standard_error_unless_quiet(capsys):
    note({"quiet": False}, "skipped a.png", Table(["n"], [["1"]]))
    note({"quiet": True}, "skipped b.png")
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["skipped a.png", "n", "-", "1"]
    assert captured.out == ""


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_forecast_is_a_table_and_a_file_of_json_is_said_not_to_be_written(on_error, forecast, tmp_path, capsys):
    print_forecast(forecast, {"json_file": str(tmp_path / "f.json"), "quiet": False, "on_error": on_error})
    captured = capsys.readouterr()
    assert "in all, about" in captured.out
    assert "f.json is not written by a dry run; --json - prints this as JSON" in captured.err
    assert not (tmp_path / "f.json").exists()


def test_a_forecast_is_json_alone_where_that_is_asked_for(forecast, capsys):
    print_forecast(forecast, {"json_file": "-", "quiet": False, "on_error": "raise"})
    captured = capsys.readouterr()
    assert json.loads(captured.out)["parts"][0]["name"] == "forward"
    assert captured.err == ""


def test_a_usage_error_is_wrapped_with_the_label_that_click_prints_before_it(narrow):
    error = click.UsageError(LONG, click.Context(click.Command("fit")))
    found = wrapped(error)
    assert found.ctx is error.ctx
    assert max(map(len, f"Error: {found.format_message()}".splitlines())) <= 40
    assert found.format_message().split() == LONG.split()
