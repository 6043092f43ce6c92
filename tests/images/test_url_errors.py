"""Promised: what went wrong with a URL is said in words, without its credentials; a missing package is named."""

import re

import pytest

from featx.exceptions import MissingDependencyError
from featx.images.url_errors import error_reason, missing_package, unknown_protocol


def test_protocols_of_a_chain_are_known_or_named():
    assert unknown_protocol("zip://a.png::memory://b.zip") is None
    assert unknown_protocol("zip://a.png::nonsense://b.zip") == "nonsense"


def test_a_missing_package_is_named_with_the_purpose(monkeypatch):
    def missing(protocol):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.get_filesystem_class", missing)
    with pytest.raises(
        MissingDependencyError, match=r"writing s3:// URLs needs s3fs\. Install it with: pip install s3fs"
    ):
        unknown_protocol("s3://bucket/a", purpose="writing")
    assert "'featx[http]'" in str(missing_package("https", "no aiohttp"))


def test_an_answer_of_s3_is_no_broken_connection():
    class ClientError(Exception):
        __module__ = "botocore.exceptions"

    for error, words in ((PermissionError, "access is denied"), (FileNotFoundError, "there is no such file")):
        with pytest.raises(error) as caught:
            raise error("s3") from ClientError("s3")
        assert error_reason(caught.value, "s3://bucket/a")[0] == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError("a"), "there is no such file"),
        (PermissionError("a"), "access is denied"),
        (TimeoutError(), "the server did not answer in time"),
        (ConnectionResetError("peer"), "the connection broke off"),
        (OSError("cannot reach s3://me:secret@host/a"), r"OSError: cannot reach s3://\*\*\*@host/a"),
    ],
    ids=["missing", "denied", "slow", "broken", "other"],
)
def test_errors_are_put_into_words(error, words):
    reason, step = error_reason(error, "s3://me:secret@host/a")
    assert re.match(words, reason)
    assert step
