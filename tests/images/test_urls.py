"""Promised: URLs are read, what is missing for them is told, and no credentials in them are shown or written."""

import base64
import http.server
import importlib
import json
import logging
import os
import pickle
import re
import socket
import sys
import threading
import traceback
import zipfile
from urllib.parse import quote

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from featx.cli import main
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, load_dataset, save_model
from featx.datasets.load import collect_images
from featx.exceptions import DatasetError, FeatxError, ImageDecodeError, MissingDependencyError
from featx.images.failures import find_unreadable
from featx.images.sources import read_image
from featx.images.urls import is_url, local_path, redacted

SECRET = "tops3cret"
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)


def picture(path):
    Image.fromarray(PIXELS).save(path)
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        if path in ("/loop", "/moved"):
            self.send_response(302)
            self.send_header("Location", {"/loop": "/loop", "/moved": "/page"}[path])
            self.end_headers()
            return
        if path.startswith("/status/"):
            self.send_error(int(path.rpartition("/")[2]))
            return
        body = b"<!DOCTYPE html><title>Sign in</title>" if path == "/page" else self.server.png
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + 100 * (path == "/broken")))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on this machine, as host:port."""
    pytest.importorskip("aiohttp")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.png = picture(tmp_path_factory.mktemp("server") / "a.png").read_bytes()
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{found.server_port}"
        found.shutdown()


@pytest.fixture
def nobody():
    """An address where nothing listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{closed.getsockname()[1]}"


def transformer(**options):
    return CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32, cache=None, **options)


def reason_of(url):
    with pytest.raises(ImageDecodeError) as caught:
        read_image(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value.reason


# Reading


def test_http_is_read(server):
    np.testing.assert_array_equal(read_image(f"http://{server}/cat.png?id=3"), PIXELS)
    np.testing.assert_array_equal(read_image(f"simplecache::http://{server}/cat.png"), PIXELS)


@pytest.mark.parametrize("url", ["HTTP://{}/cat.png", "Http://{}/cat.png", "SimpleCache::HTTP://{}/cat.png"])
def test_schemes_are_read_in_capitals_too(server, url):
    np.testing.assert_array_equal(read_image(url.format(server)), PIXELS)


def test_schemes_in_capitals_are_read_in_chains_and_members_keep_theirs(tmp_path):
    with zipfile.ZipFile(tmp_path / "A.ZIP", "w") as archive:
        archive.write(picture(tmp_path / "a.png"), "IN.png")
    np.testing.assert_array_equal(read_image(f"ZIP://IN.png::{tmp_path / 'A.ZIP'}"), PIXELS)
    np.testing.assert_array_equal(read_image(f"Zip://IN.png::FILE://{tmp_path / 'A.ZIP'}"), PIXELS)


@pytest.mark.parametrize("url", ["REFERENCE://x", "Reference::x.json"])
def test_files_of_references_are_refused_in_capitals_too(tmp_path, url):
    assert "a file of references" in reason_of(f"{url}::http://h/a.png")
    (tmp_path / "set.csv").write_text(f"path\n{url}::http://h/a.png\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="a file of references"):
        load_dataset(tmp_path / "set.csv", labelled=False)


def test_the_text_of_a_data_url_is_refused_shortly(tmp_path):
    text = base64.b64encode(picture(tmp_path / "a.png").read_bytes()).decode()
    with pytest.raises(ImageDecodeError, match="a data: URL, whose image is in its text") as caught:
        read_image(f"data:image/png;base64,{text}")
    assert len(str(caught.value)) < 500
    scope = {"base64": base64, "text": f"data:image/png;base64,{text}"}
    pixels = read_image(eval(caught.value.next_step.partition(": ")[2].rstrip("."), scope))
    np.testing.assert_array_equal(pixels, PIXELS)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/status/404", "the server has no such file (HTTP 404)"),
        ("/status/403", "the server denies access (HTTP 403)"),
        ("/status/401", "the server asks for a password (HTTP 401)"),
        ("/status/503", "the server cannot answer now (HTTP 503)"),
        ("/status/418", "the server refuses (HTTP 418)"),
        ("/page", "a web page in place of an image"),
        ("/moved", "a web page in place of an image"),
        ("/loop", "the server redirects in a circle"),
        ("/broken", "the connection broke off"),
    ],
)
def test_what_a_server_answers_is_told_in_plain_words(server, path, words):
    assert words in reason_of(f"http://u:{SECRET}@{server}{path}?token={SECRET}")


@pytest.mark.parametrize(
    ("scheme", "words"), [("http", "no connection to the server"), ("ftp", "no connection to the server")]
)
def test_a_server_that_is_not_there_is_told_in_plain_words(server, nobody, scheme, words):
    assert words in reason_of(f"{scheme}://u:{SECRET}@{nobody}/a.png")


def test_a_server_without_encryption_is_told_in_plain_words(server):
    assert "no encrypted connection" in reason_of(f"https://u:{SECRET}@{server}/a.png")


def test_an_unknown_protocol_is_told():
    assert reason_of(f"nosuch://u:{SECRET}@host/a.png") == "there is no protocol 'nosuch'"


@pytest.mark.parametrize("name", ["a cat.png", "é#1?.png", "100%25.png", "50%.png", "a+b&c.png", "写真.png"])
def test_file_urls_are_decoded(tmp_path, name):
    try:
        path = picture(tmp_path / name)
    except (OSError, UnicodeError):
        pytest.skip("no such file names here")
    encoded = quote(str(path))
    for url in (path.as_uri(), f"file:{encoded}", f"file://localhost{encoded}", f"FILE://{encoded}", f"file://{path}"):
        assert is_url(url)
        np.testing.assert_array_equal(read_image(url), PIXELS, err_msg=url)
        assert len(transformer().fit_transform([url])) == 1


def test_of_two_files_a_file_url_names_the_decoded_one(tmp_path):
    picture(tmp_path / "a b.png")
    (tmp_path / "a%20b.png").write_bytes(b"")
    np.testing.assert_array_equal(read_image(f"file://{tmp_path}/a%20b.png"), PIXELS)


def test_file_urls_are_decoded_in_chains(tmp_path):
    with zipfile.ZipFile(tmp_path / "a b.zip", "w") as archive:
        archive.write(picture(tmp_path / "a.png"), "in.png")
    np.testing.assert_array_equal(read_image(f"zip://in.png::{(tmp_path / 'a b.zip').as_uri()}"), PIXELS)
    assert reason_of(f"zip://out.png::{(tmp_path / 'a b.zip').as_uri()}") == "there is no such file"


def test_a_file_url_of_another_host_is_refused(tmp_path):
    assert "it is on the host 'server'" in reason_of(f"file://server{picture(tmp_path / 'a.png')}")
    assert local_path("https://host/a%20b") is None


@pytest.mark.parametrize("scheme", ["file", "local"])
def test_what_never_ends_is_refused_by_url_too(scheme):
    assert reason_of(f"{scheme}://{os.devnull}") == "not a regular file"


# Packages


@pytest.fixture
def without(monkeypatch):
    """Hide packages, as though they had never been installed."""
    registry = importlib.import_module("fsspec.registry")

    def hide(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)
        for name in [name for name in sys.modules if name.startswith("fsspec.implementations.http")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(registry, "_registry", {})
        monkeypatch.setattr(registry, "registry", registry._registry)

    return hide


PACKAGES = {
    "http://h/a.png": ("aiohttp", "aiohttp", "'featx[http]'"),
    "https://h/a.png": ("aiohttp", "aiohttp", "'featx[http]'"),
    "zip://a.png::https://h/b.zip": ("aiohttp", "aiohttp", "'featx[http]'"),
    "s3://b/a.png": ("s3fs", "s3fs", "s3fs"),
    "gs://b/a.png": ("gcsfs", "gcsfs", "gcsfs"),
    "abfs://b/a.png": ("adlfs", "adlfs", "adlfs"),
    "sftp://h/a.png": ("paramiko", "paramiko", "paramiko"),
    "smb://h/a.png": ("smbprotocol", "smbprotocol", "smbprotocol"),
    "simplecache::gcs://b/a.png": ("gcsfs", "gcsfs", "gcsfs"),
}


@pytest.mark.parametrize(("url", "words"), PACKAGES.items(), ids=PACKAGES)
def test_a_missing_package_is_no_bad_image(without, tmp_path, url, words):
    hidden, package, wanted = words
    without(hidden)
    expected = rf"URLs needs {package}\. Install it with: pip install {wanted}".replace("[", r"\[")
    good = str(picture(tmp_path / "a.png"))
    for on_error in ("raise", "nan"):
        with pytest.raises(MissingDependencyError, match=expected):
            transformer(on_error=on_error).fit_transform([good, url])
    with pytest.raises(MissingDependencyError, match=expected):
        find_unreadable(transformer().sources([url, good]))
    with pytest.raises(MissingDependencyError, match=expected) as caught:
        read_image(url)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_missing_package_ends_a_command_that_skips(without, tmp_path):
    without("aiohttp")
    picture(tmp_path / "a.png")
    (tmp_path / "set.csv").write_text("path\na.png\nhttps://host/b.png\n", encoding="utf-8")
    network = ["--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--on-error", "skip"]
    for more in ([], ["--dry-run"]):
        arguments = ["extract", str(tmp_path / "set.csv"), "-o", str(tmp_path / "out.h5"), *network, *more]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2, result.output
        assert "pip install 'featx[http]'" in result.output
        assert not (tmp_path / "out.h5").exists()


# Credentials

SHOWN = {
    "https://user:pa55@host/a.png": "https://***@host/a.png",
    "https://t0ken@host/a.png": "https://***@host/a.png",
    "https://user:p@ss@host/a@b.png": "https://***@host/a@b.png",
    "https://user:pa/ss@host/a.png": "https://***@host/a.png",
    "s3://KEY:SEC/RET@bucket/a.png": "s3://***@bucket/a.png",
    "zip://a.png::https://u:p@h/b.zip?sig=1": "zip://a.png::https://***@h/b.zip?sig=***",
    "https://h/a.png?id=12&token=x&size=2#access_token=y": "https://h/a.png?id=12&token=***&size=2#access_token=***",
    "https://h/a?X-Amz-Credential=A%2F&X-Amz-Signature=b&n=1": "https://h/a?X-Amz-Credential=***&X-Amz-Signature=***&n=1",
    "https://h/a?X-Goog-Signature=b": "https://h/a?X-Goog-Signature=***",
    "https://h/a?AWSAccessKeyId=A&Signature=z%3D&Expires=1": "https://h/a?AWSAccessKeyId=***&Signature=***&Expires=1",
    "https://h/a?sv=2020&sr=b&sig=abc%3D": "https://h/a?sv=2020&sr=b&sig=***",
    "https://h/a?Policy=p&Key-Pair-Id=K": "https://h/a?Policy=***&Key-Pair-Id=***",
    "https://h/a?api_key=1&apikey=2&key=3&t%6Fken=4": "https://h/a?api_key=***&apikey=***&key=***&t%6Fken=***",
    "https://h/a?x=eyJhbGciOiJIUzI1NiJ9.abc.def": "https://h/a?x=***",
    "https://h/a?PASSWORD=x;auth=y": "https://h/a?PASSWORD=***;auth=***",
    "see https://u:p@h/a?token=1 and ftp://u:p@h/": "see https://***@h/a?token=*** and ftp://***@h/",
    "https://host:8080/path@x/a.png": None,
    "https://h/@user/a.png?author=me&monkey=4&keyword=5": None,
    "https://h/a?id=550e8400-e29b-41d4-a716-446655440000": None,
    "http://[::1]:80/a.png": None,
    "/plain/user:pa55@x?token=1": None,
    "http://carl:my pass@host/a.png": "http://***@host/a.png",
    "http://dora:a::b@host/a.png": "http://***@host/a.png",
    "https://user:p@ss/w@host/a.png": "https://***@host/a.png",
    "https://h/a?token=x)y&n=1": "https://h/a?token=***&n=1",
    "https://h/a?sig=x'y": "https://h/a?sig=***",
    "https://h/a?token=x;y&size=2": "https://h/a?token=***&size=2",
    "https://h/a?token=x y#z": "https://h/a?token=***",
    "https://h/a?passcode=1&psw=2&login=3&user_pass=4&pin=5": "https://h/a?passcode=***&psw=***&login=***&user_pass=***&pin=***",
    "https://h/a?auth[token]=1&compass=5": "https://h/a?auth[token]=***&compass=5",
    "https://h/a?t=eyJhbGciOi.abc.def": "https://h/a?t=***",
    "https://h/a;jsessionid=1?x=2": "https://h/a;jsessionid=***",
    "http:/ida:pw@host/a.png": "http:/***@host/a.png",
    "HTTPS://u:p@h/a.png": "HTTPS://***@h/a.png",
    "zip://a b@2x.png::https://u:p q@h/b.zip": "zip://a b@2x.png::https://***@h/b.zip",
    "simplecache::http://u:p q@h/a.png": "simplecache::http://***@h/a.png",
    "(see https://h/a?token=x)y).": "(see https://h/a?token=***).",
    "https://h/a?url=http://u:p@h/b&n=1": "https://h/a?url=http://***@h/b&n=1",
    "C:/me@home/a.png": None,
    "s3://bucket/photos@2x/a.png?a=b;c=d#e": None,
    "zip://a.png::/data/me@home/b.zip": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=SHOWN)
def test_credentials_are_taken_out(text, shown):
    assert redacted(text) == (text if shown is None else shown)
    assert redacted(redacted(text)) == redacted(text)


ODD = st.lists(
    st.sampled_from(["S3CR", "ET77", *"@/?#: '\")(][;&=<>\\^`{|}%+,!*é\n\t", "::", "://", "%40", "%2F"]),
    min_size=1,
    max_size=8,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(secret=ODD, chain=st.sampled_from(["", "simplecache::", "zip://in.png::", "filecache::zip://a@b.png::"]))
def test_a_password_of_any_characters_is_never_shown(secret, chain):
    # Digits before a slash are the port of a host.
    url = f"{chain}https://user:{secret}@images.org:8443/set/a.png"
    shown = redacted(url)
    assert "S3CR" not in shown
    assert "ET77" not in shown
    assert shown == redacted(shown) == f"{chain}https://***@images.org:8443/set/a.png"


@settings(max_examples=400, deadline=None)
@given(
    # What begins another parameter is one.
    secret=ODD.filter(lambda text: not re.search(r"&[^&#;?]*=", text)),
    name=st.sampled_from(["token", "sig", "X-Amz-Signature", "passcode", "api_key", "access%5Ftoken"]),
)
def test_a_token_of_any_characters_is_never_shown(secret, name):
    shown = redacted(f"https://images.org/a.png?size=2&{name}={secret}&page=3")
    assert "S3CR" not in shown
    assert "ET77" not in shown
    assert shown == redacted(shown) == f"https://images.org/a.png?size=2&{name}=***&page=3"


def test_what_a_protocol_says_of_a_url_is_shown_without_its_password(monkeypatch):
    def refuse(url, mode):
        raise ValueError(f"{url} is refused")

    monkeypatch.setattr("fsspec.open", refuse)
    assert reason_of(f"http://u:my {SECRET}@h/a.png") == "ValueError: http://***@h/a.png is refused"


def test_credentials_are_shown_and_written_nowhere(server, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    good, bad = (f"http://u:{SECRET}@{server}/{name}?n=1&token={SECRET}" for name in ("cat.png", "status/404"))
    shown = f"http://***@{server}/cat.png?n=1&token=***"
    (tmp_path / "set.csv").write_text(f"path\n{good}\n{bad}\n", encoding="utf-8")
    model = make_pipeline(transformer(), LogisticRegression()).fit([PIXELS, 255 - PIXELS], [0, 1])
    save_model(model, tmp_path / "model.skops")
    network = ["--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32"]
    skip = ["--on-error", "skip", "--failures", str(tmp_path / "bad.json")]
    output = ""
    for command in (
        ["predict", str(tmp_path / "model.skops"), good, bad, *skip],
        ["predict", str(tmp_path / "model.skops"), str(tmp_path / "set.csv"), "--format", "csv", *skip],
        ["extract", str(tmp_path / "set.csv"), "-o", str(tmp_path / "out.h5"), *network, *skip, "-v"],
        ["extract", bad, "-o", str(tmp_path / "none.h5"), *network],
        ["fit", good, "-o", str(tmp_path / "none.skops"), *network],
    ):
        result = CliRunner().invoke(main, command)
        assert isinstance(result.exception, SystemExit | None), result.exception
        output += result.output
    assert shown in output
    report = json.loads((tmp_path / "bad.json").read_text(encoding="utf-8"))
    assert "token=***" in json.dumps(report)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["paths"].asstr()[:].tolist() == [shown]
    fitted = transformer(on_error="nan")
    assert np.isnan(fitted.fit_transform([bad, good])).any(axis=1).tolist() == [True, False]
    output += repr(fitted.failures_) + repr(collect_images([good]).names) + caplog.text
    for refused in (lambda: load_dataset(good), lambda: load_dataset(f"https://u:{SECRET}@h/set.csv")):
        with pytest.raises(DatasetError) as caught:
            refused()
        output += str(caught.value)
    assert SECRET not in output
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "set.csv"]
    assert len(written) >= 3
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def test_images_are_read_by_the_whole_url(monkeypatch):
    asked = []
    monkeypatch.setattr("featx.images.sources.read_bytes", lambda place, most: asked.append(place) or b"")
    with pytest.raises(FeatxError):
        transformer().fit_transform([f"https://u:{SECRET}@h/a.png?token={SECRET}"])
    assert asked[0] == f"https://u:{SECRET}@h/a.png?token={SECRET}"
