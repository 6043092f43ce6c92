"""The end of a command with a result: where tables and JSON go, and what is said of the model."""

import json
from pathlib import Path

import pytest

from featx.cli.results import note_saved, print_result


class Result:
    def to_json(self):
        return json.dumps({"accuracy": 0.5})


@pytest.mark.parametrize(
    ("json_file", "out"), [(None, "\naccuracy 50.0 %\n\n"), ("-", '{"accuracy": 0.5}\n')], ids=["tables", "json"]
)
def test_a_result_is_printed_as_tables_or_as_json(capsys, json_file, out):
    print_result({"json_file": json_file, "quiet": False}, Result(), ["accuracy 50.0 %"])
    assert capsys.readouterr().out == out


def test_a_json_file_is_written_beside_the_tables_which_are_printed_even_if_quiet(tmp_path, capsys):
    print_result({"json_file": str(tmp_path / "r.json"), "quiet": True}, Result(), ["accuracy 50.0 %"])
    assert capsys.readouterr().out == "accuracy 50.0 %\n"
    assert json.loads((tmp_path / "r.json").read_text()) == {"accuracy": 0.5}


def test_the_command_that_uses_a_model_can_be_pasted(capsys):
    note_saved({"quiet": False}, Path("my model.skops"))
    note_saved({"quiet": True}, Path("other.skops"))
    captured = capsys.readouterr()
    assert "`featx predict 'my model.skops' IMAGES`" in captured.err.replace("\n", " ")
    assert "other" not in captured.err
    assert not captured.out
