"""Promised: URLs are read, what is missing for them is said, and no credentials in them are shown or written."""

from __future__ import annotations

import base64
import http.server
import importlib
import io
import json
import logging
import os
import pickle
import socket
import sys
import threading
import traceback
import zipfile
from urllib.parse import quote

import fsspec
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from encoded_images import (
    PNG,
    RGB,
)
from featx import CNNFeatureTransformer, save_model
from featx.cli import main
from featx.datasets.load import collect_images, load_dataset
from featx.exceptions import DatasetError, FeatxError, ImageDecodeError, MissingDependencyError
from featx.images.failures import find_unreadable
from featx.images.sources import read_image
from featx.images.urls import is_url, local_path

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
def test_the_answer_of_a_server_is_reported_in_plain_words(server, path, words):
    assert words in reason_of(f"http://u:{SECRET}@{server}{path}?token={SECRET}")


@pytest.mark.parametrize(
    ("scheme", "words"), [("http", "no connection to the server"), ("ftp", "no connection to the server")]
)
def test_a_server_that_is_not_there_is_reported_in_plain_words(server, nobody, scheme, words):
    assert words in reason_of(f"{scheme}://u:{SECRET}@{nobody}/a.png")


def test_a_server_without_encryption_is_reported_in_plain_words(server):
    assert "no encrypted connection" in reason_of(f"https://u:{SECRET}@{server}/a.png")


def test_an_unknown_protocol_is_named():
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
def test_a_missing_package_is_not_a_bad_image(without, tmp_path, url, words):
    hidden, package, wanted = words
    without(hidden)
    expected = rf"URLs needs {package}\. Install it with: pip install {wanted}".replace("[", r"\[")
    good = str(picture(tmp_path / "a.png"))
    for on_error in ("raise", "skip"):
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
    fitted = transformer(on_error="skip")
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


# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def test_an_address_that_sends_its_bytes_in_pieces_is_read_whole(monkeypatch):
    class Pieces(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 100) if size >= 0 else 100)

    monkeypatch.setattr(fsspec, "open", lambda url, mode: Pieces(PNG))
    assert np.array_equal(read_image("https://example.org/a.png"), RGB)


@pytest.mark.parametrize(
    "chain", ["zip://a.png::{}", "zip://a.png::file://{}", "simplecache::file://{}", "blockcache::local://{}", "dir://fifo::{}"]
)  # fmt: skip
def test_a_chain_of_urls_to_what_never_ends_is_refused_unread(tmp_path, chain):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ImageDecodeError, match="not a regular file"):
        read_image(chain.format(tmp_path if chain.startswith("dir") else tmp_path / "fifo"))


def test_a_copy_of_a_file_that_is_too_long_is_not_made(tmp_path):
    with open(tmp_path / "sparse.png", "wb") as file:
        file.truncate(60 << 30)
    with pytest.raises(ImageDecodeError, match="more than 1,073,741,824 bytes"):
        read_image(f"simplecache::file://{tmp_path}/sparse.png")
