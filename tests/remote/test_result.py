"""Promised: what has travelled is counted, and what was left out is listed, as far as a message has room."""

import json

from featx.remote.result import TransferResult, left_out


def test_what_travels_and_what_does_not_is_counted():
    result = TransferResult("s3://bucket/x", specs=1)
    result.moved(100, 3)
    result.moved(200, 4)
    result.skipped(50)
    assert json.loads(result.to_json()) == {
        "url": "s3://bucket/x", "specs": 1, "segments": 2, "bytes": 300, "rows": 7,
        "segments_skipped": 1, "bytes_skipped": 50,
    }  # fmt: skip


def test_problems_are_listed():
    error = left_out([(f"file{n}", "torn") for n in range(10)], place="s3://b", step="Mend them:")
    assert error.message == "10 files of s3://b cannot be used, and the rest is done"
    lines = error.next_step.split("\n  ")
    assert (lines[0], lines[1], lines[-1], len(lines)) == ("Mend them:", "file0: torn", "and 2 more", 10)
