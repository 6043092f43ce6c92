"""Promised: whatever X holds images as, each is read as its file is; what is no image is refused by type and row."""

import io
import os
from collections import UserList, deque
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from featx.cache import EmbeddingCache
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, as_sources, read_image
from featx.exceptions import ImageDecodeError, ParameterError
from featx.images.cells import kind_of

PICTURES = [np.random.default_rng(n).integers(0, 256, (20, 24, 3), dtype=np.uint8) for n in range(3)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of PNG, lossless WebP and TIFF files."""
    folder = tmp_path_factory.mktemp("files")
    paths = [str(folder / name) for name in ("0.png", "1.webp", "2.tif")]
    for path, picture in zip(paths, PICTURES, strict=True):
        Image.fromarray(picture).save(path, lossless=True)
    return paths


@pytest.fixture
def transformer(tiny):
    return CNNFeatureTransformer(**tiny, cache=None)


def content(path):
    return Path(path).read_bytes()


def at_its_end(path):
    file = io.BytesIO(content(path))
    file.seek(0, os.SEEK_END)
    return file


def loaded(path):
    image = Image.open(path)
    image.load()
    return image


# The cells that have the digest of the file, and those that have that of its pixels.
ENCODED = {
    "path": str,
    "numpy text": np.str_,
    "Path": Path,
    "bytes path": os.fsencode,
    "bytes": content,
    "bytearray": lambda path: bytearray(content(path)),
    "memoryview": lambda path: memoryview(content(path)),
    "BytesIO": lambda path: io.BytesIO(content(path)),
    "BytesIO at its end": at_its_end,
    "record": lambda path: {"bytes": content(path), "path": Path(path).name},
    "record without a path": lambda path: {"bytes": content(path), "path": None},
    "record without bytes": lambda path: {"bytes": None, "path": path},
    "record of a path": lambda path: {"path": path},
}
DECODED = {
    "PIL image": loaded,
    "array": lambda path: np.asarray(Image.open(path)),
    "tensor": lambda path: torch.from_numpy(np.array(Image.open(path))),
}
CELLS = ENCODED | DECODED


@pytest.mark.parametrize("kind", ENCODED)
def test_what_is_encoded_has_the_digest_of_its_file(files, kind):
    for path in files:
        source, file = as_sources([ENCODED[kind](path), path])
        assert source.digest() == source.load()[0] == file.digest()
        assert np.array_equal(source.load()[1], file.load()[1])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_mixture_of_cells_in_any_container_gives_the_embeddings_of_the_files(files, data):
    order = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=5))
    kinds = data.draw(st.lists(st.sampled_from(list(CELLS)), min_size=len(order), max_size=len(order)))
    cells = [CELLS[kind](files[n]) for n, kind in zip(order, kinds, strict=True)]
    X = CONTAINERS[
        data.draw(st.sampled_from(["list", "tuple", "object array", "column of objects", "Series", "frame"]))
    ](cells)
    network = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32, cache=None, precision="float32")
    rows = network.fit_transform(X)
    assert np.allclose(rows, network.fit_transform([files[n] for n in order]), rtol=1e-4, atol=1e-4)


def object_array(cells):
    array = np.empty(len(cells), dtype=object)
    for number, cell in enumerate(cells):
        array[number] = cell
    return array


class Items:
    """What has a length and numbered items, and nothing else."""

    def __init__(self, cells):
        self.cells = cells

    def __len__(self):
        return len(self.cells)

    def __getitem__(self, index):
        return self.cells[index]


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "UserList": UserList,
    "numbered items": Items,
    "object array": object_array,
    "column of objects": lambda cells: object_array(cells).reshape(-1, 1),
    "Series": lambda cells: pd.Series(cells, dtype=object, index=range(7, 7 + len(cells))),
    "frame": lambda cells: pd.DataFrame({"image": object_array(cells)}),
}
TEXT = {
    "text array": np.array,
    "text Series": lambda cells: pd.Series(cells, dtype="string"),
    "Arrow-backed": lambda cells: pd.Series(cells, dtype=pd.ArrowDtype(pa.string())),
    "categories": lambda cells: pd.Series(cells, dtype="category"),
    "Index": pd.Index,
    "frame of categories": lambda cells: pd.DataFrame({"image": pd.Categorical(cells)}),
    "polars": pl.Series,
    "polars categories": lambda cells: pl.Series(cells, dtype=pl.Categorical),
    "polars frame": lambda cells: pl.DataFrame({"image": cells}),
    "pyarrow": pa.array,
    "chunks": lambda cells: pa.chunked_array([cells[:1], cells[1:]]),
    "dictionary": lambda cells: pa.array(cells).dictionary_encode(),
    "table": lambda cells: pa.table({"image": cells}),
}
BYTES = {
    "Series": pd.Series,
    "Arrow-backed": lambda cells: pd.Series(cells, dtype=pd.ArrowDtype(pa.binary())),
    "polars": pl.Series,
    "polars frame": lambda cells: pl.DataFrame({"image": cells}),
    "pyarrow": lambda cells: pa.array(cells, pa.large_binary()),
    "batch": lambda cells: pa.record_batch({"image": cells}),
}
RECORDS = {
    "Series": pd.Series,
    "polars": pl.Series,
    "polars frame": lambda cells: pl.DataFrame({"image": cells}),
    "pyarrow": pa.array,
    "table": lambda cells: pa.table({"image": cells}),
}
COLUMNS = [
    *((container, kind) for container in CONTAINERS.values() for kind in ("path", "bytes", "record", *DECODED)),
    *((container, "path") for container in TEXT.values()),
    *((container, kind) for container in BYTES.values() for kind in ("bytes path", "bytes")),
    (np.array, "bytes path"),
    *((container, "record") for container in RECORDS.values()),
    (lambda cells: pl.Series(cells, dtype=pl.Object), "PIL image"),
]  # fmt: skip


@pytest.fixture(scope="module")
def expected(files):
    network = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32, precision="float32", cache=None)
    return network.fit_transform(files)


@pytest.mark.parametrize(("container", "kind"), COLUMNS)
def test_every_column_of_images_is_read(transformer, files, expected, container, kind):
    X = container([CELLS[kind](path) for path in files])
    assert np.allclose(transformer.fit_transform(X), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("kind", ["path", "bytes", "record"])
@pytest.mark.parametrize("column", ["image", ["image"]])
def test_a_column_transformer_hands_over_a_series_or_a_frame(transformer, files, expected, frame, kind, column):
    X = frame({"image": [CELLS[kind](path) for path in files], "weight": [0.5, 1.0, 1.5]})
    columns = ColumnTransformer([("image", transformer, column), ("weight", "passthrough", ["weight"])])
    rows = columns.fit_transform(X)
    assert np.allclose(rows[:, :-1], expected, rtol=1e-4, atol=1e-4)
    assert rows[:, -1].tolist() == [0.5, 1.0, 1.5]


def test_contents_share_the_cache_with_their_files_in_a_search(tiny, files, forwards, tmp_path):
    network = CNNFeatureTransformer(**tiny, cache=EmbeddingCache(tmp_path / "cache"))
    network.fit_transform(files)
    assert forwards.since() == 3
    X = [CELLS["bytes"](files[n % 3]) for n in range(12)]
    search = GridSearchCV(
        make_pipeline(network, StandardScaler(), KNeighborsClassifier()),
        {"kneighborsclassifier__n_neighbors": [1, 2]},
        cv=2,
    )
    search.fit(X, [n % 3 for n in range(12)])
    assert forwards.since() == 0


def test_contents_heed_a_value_range_as_their_files_do(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)).save(path)
    of_file, of_bytes = as_sources([path, path.read_bytes()], value_range=(0, 4095))
    assert of_bytes.digest() == of_bytes.load()[0] == of_file.load()[0] != as_sources([path])[0].digest()
    assert of_bytes.depends_on_value_range()
    assert np.array_equal(of_bytes.load()[1], of_file.load()[1])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"a/b.png", "path"),
        (b"P5/a.png", "path"),
        (b"BMW/GIF89a.jpg", "path"),
        (b"https://example.org/a.png", "path"),
        ("ä/写真.png".encode(), "path"),
        (b"\xe9t\xe9.jpg", "path"),
        (b"a" * 4096, "path"),
        (b"a" * 4097, "file's bytes"),
        (b"P5 1 1 255\n\x40", "file's bytes"),
        (b"P2\n1 1\n255\n7\n", "file's bytes"),
        (b"\xff\xd8\xff", "file's bytes"),
        (b"a\0b", "file's bytes"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "file's bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "file's bytes"),
        (b'{"error": "not found"}', "file's bytes"),
        (b"", "missing"),
    ],
)
def test_bytes_are_a_path_or_a_file(data, kind):
    assert kind_of(data) == kind


def test_what_may_be_written_to_is_read_as_it_was(files):
    data = bytearray(content(files[0]))
    sources = as_sources([data, memoryview(data)])
    data[:] = bytes(len(data))
    assert all(np.array_equal(source.load()[1], PICTURES[0]) for source in sources)


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "BytesIO", "record without a path"])
def test_damaged_contents_are_refused_by_their_place_and_not_told(files, kind):
    cell = CELLS[kind](files[0])
    data = content(files[0])[:-400]
    cell = {"bytes": data, "path": None} if isinstance(cell, dict) else io.BytesIO(data) if kind == "BytesIO" else data
    with pytest.raises(ImageDecodeError, match="image 1: ") as caught:
        as_sources([files[0], cell])[1].load()
    assert "PNG" not in str(caught.value)
    assert "\\x" not in str(caught.value)


def test_a_record_is_called_by_its_path():
    with pytest.raises(ImageDecodeError, match=r"image cat\.png: the file is empty"):
        read_image({"bytes": b"", "path": "cat.png"})


MISSING = {
    "None": [None],
    "NaN": [float("nan"), np.float32("nan")],
    "pd.NA": [pd.NA],
    "NaT": [pd.NaT, np.datetime64("NaT")],
    "nothing": ["", b""],
    "a record of nothing": [{"bytes": None, "path": None}],
}
GAPS = {
    "list": list,
    "object array": object_array,
    "frame": lambda cells: pd.DataFrame({"image": object_array(cells)}),
}


@pytest.mark.parametrize("container", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("cells", MISSING.values(), ids=MISSING)
def test_missing_images_are_counted_or_rows_of_nan(tiny, files, expected, cells, container):
    X = container([files[0], *cells * 3, files[1], *cells * 2])
    n = len(cells)
    rows = [*range(1, 3 * n + 1), *range(3 * n + 2, 5 * n + 2)]
    with pytest.raises(
        ParameterError, match=f"no image in {5 * n} of {5 * n + 2} rows of X .*: rows 1, 2, 3 and .* more. Leave"
    ):
        CNNFeatureTransformer(**tiny, cache=None).fit(X)
    with pytest.raises(ParameterError, match=r"no image in .* of X .*Leave these rows out\.$"):
        CNNFineTuneClassifier(**tiny, cache=None).fit(X, [0, 1] * (len(X) // 2))
    transformer = CNNFeatureTransformer(**tiny, cache=None, on_error="nan")
    found = transformer.fit_transform(X)
    assert np.flatnonzero(np.isnan(found).all(axis=1)).tolist() == rows
    assert np.allclose(found[[0, 3 * n + 1]], expected[:2], rtol=1e-4, atol=1e-4)
    assert [(f.index, f.name) for f in transformer.failures_] == [(row, f"image {row}") for row in rows]
    assert all("there is none" in failure.reason for failure in transformer.failures_)


@pytest.mark.parametrize(
    "column", [pd.Series(["a", None], dtype="string"), pl.Series(["a", None]), pl.DataFrame({"x": [b"a", None]}),
               pa.array(["a", None]), pa.table({"x": [{"bytes": None, "path": "a"}, None]})],
)  # fmt: skip
def test_nulls_of_columns_are_missing(transformer, column):
    with pytest.raises(ParameterError, match=r"no image in 1 of 2 rows of X .*: row 1"):
        transformer.fit(column)


def test_rows_of_nan_are_as_wide_as_others_where_no_image_is_left(tiny):
    transformer = CNNFeatureTransformer(**tiny, cache=None, on_error="nan")
    assert transformer.fit_transform([None, "no.png"]).shape == (2, transformer.embedding_dim_)


class Pairs(torch.utils.data.Dataset):
    samples = (("0.png", 1),)

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return Image.fromarray(PICTURES[0]), 1


class Columns(Items):
    column_names = ("label", "image")


LOADER = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(4, 3, 8, 8)))
REFUSED = {
    "generator": (lambda: (path for path in "ab"), r"type generator.*list\(X\)"),
    "map": (lambda: map(str, "ab"), r"type map.*list\(X\)"),
    "zip": (lambda: zip("ab", [0, 1], strict=True), r"type zip.*\[image for image, _ in X\]"),
    "values": (lambda: {"a": "0.png"}.values(), r"type dict_values.*list\(X\)"),
    "set": (lambda: {"a", "b"}, r"type set, which has no order.*sorted\(X\)"),
    "columns": (lambda: {"path": ["a"], "label": [0]}, r"type dict with the columns path, label.*X\['path'\]"),
    "data set of columns": (lambda: Columns([]), r"type Columns with the columns label, image.*X\['image'\]"),
    "data set of pairs": (lambda: Pairs(), r"type tuple with 2 items in row 0.*\[path for path, _ in X.samples\]"),
    "subset": (lambda: torch.utils.data.Subset(Pairs(), [0]), r"tuple with 2 items in.*\[image for image, _ in X\]"),
    "loader": (lambda: LOADER, "type DataLoader.*X.dataset"),
    "pairs": (lambda: [("a.png", 0), ("b.png", 1)], r"type tuple with 2 items in row 0.*\[image for image, _ in X\]"),
    "pairs of arrays": (lambda: [(PICTURES[0], 0)], r"type tuple with 2 items in row 0.*\[image for image, _ in X\]"),
    "nested": (lambda: [["a.png"], ["b.png"]], r"type list with 1 items in row 0.*\[row\[0\] for row in X\]"),
    "rows of a data set": (lambda: [{"image": PICTURES[0], "label": 0}], r"type dict in row 0.*\[row\['image'\]"),
    "frame": (lambda: pd.DataFrame({"label": [0], "path": ["a"]}), r"2 columns, label, path.*X\[\['path'\]\]"),
    "polars frame": (lambda: pl.DataFrame({"path": ["a"], "label": [0]}), r"2 columns, path, label.*X\[\['path'\]\]"),
    "table": (lambda: pa.table({"path": ["a"], "y": [0]}), r"2 columns, path, y.*X\.select\(\['path'\]\)"),
    "frame of a name twice": (lambda: pd.DataFrame([["a", "b"]], columns=["p", "p"]), r"X\.iloc\[:, \[0\]\]"),
    "lazy frame": (lambda: pl.LazyFrame({"path": ["a"]}), r"LazyFrame, which is not computed.*X\.collect\(\)"),
    "array": (lambda: np.array([["a", "0"], ["b", "1"]]), r"array of 2 columns.*X\[:, 0\]"),
    "fields": (lambda: np.array([(b"a", 1)], dtype=[("path", "S1"), ("y", int)]), r"fields path, y.*X\['path'\]"),
    "number among paths": (lambda: ["a.png", 5], "type int in row 1 of X"),
    "row among paths": (lambda: ["a.png", np.zeros(4)], "type ndarray with 4 items in row 1 of X.*2-D array"),
    "numbers": (lambda: [1, 2, 3], r"1D array of 3 numbers \(int\).*np.reshape"),
    "column of numbers": (lambda: pd.Series([1.0, 2.0]), r"1D array of 2 numbers \(float\)"),
    "range": (lambda: range(3), r"1D array of 3 numbers \(int\)"),
    "column of rows": (lambda: pd.Series([np.zeros(4), np.zeros(4)]), r"2 rows of numbers.*np.stack\(X\)"),
    "bytes in arrays": (lambda: [np.frombuffer(b"\x89PNG\r\n\x1a\n", "u1")] * 2, r"content of a file: pass bytes\(x\)"),
    "an array of bytes": (lambda: np.array([b"\x89PNG\r\n\0\0"]), "array of fixed width, which loses.*dtype=object"),
    "open files": (lambda: [open(__file__, "rb")], r"type BufferedReader in row 0.*file.read\(\)"),  # noqa: SIM115
    "scalars of pyarrow": (lambda: list(pa.array(["a"])), r"type StringScalar in row 0.*as_py\(\)"),
    "number": (lambda: 3, "type int, which is no collection"),
    "thing": (lambda: object(), "type object, which is no collection"),
    "things": (lambda: [object()], "type object in row 0 of X"),
    "folder": (lambda: os.path.dirname(__file__), r"got a folder, .*load_dataset\(.*\)\.images"),
    "manifest": (lambda: Path("photos.csv"), r"got a manifest, photos.csv.*load_dataset\(.*\)\.images"),
    "pattern": (lambda: "new/*.jpg", r"got a pattern.*glob\.glob\('new/\*\.jpg'\)"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_collection_of_images_is_refused_with_its_type_and_what_to_pass(transformer, make, words):
    for call in (transformer.fit, lambda X: transformer.fit(PICTURES).transform(X)):
        with pytest.raises(ParameterError, match=words):
            call(make())


def test_contents_are_never_printed(transformer, files):
    secret = content(files[0])
    for X in ([secret, 5], {"a": secret}, [(secret, 0)], [{"image": secret}], [secret, object()], [[secret]], secret,
              pd.Series([secret, 5]), {secret, b"x"}, iter([secret]), [bytearray(secret), [1, 2]]):  # fmt: skip
        with pytest.raises(ParameterError) as caught:
            transformer.fit(X)
        assert len(str(caught.value)) < 300
        assert "PNG" not in str(caught.value)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.from_numpy(np.stack(PICTURES) / 255).requires_grad_(),
        torch.from_numpy(np.stack(PICTURES)),
        [torch.from_numpy(picture / 255).requires_grad_() for picture in PICTURES],
    ],
)
def test_tensors_are_read_with_or_without_a_gradient(transformer, expected, tensor):
    assert np.allclose(transformer.fit_transform(tensor), expected, rtol=1e-3, atol=1e-3)


def test_a_tensor_of_bfloat16_is_read():
    pixels = torch.tensor([[0.0, 0.5, 1.0]]).bfloat16()
    assert read_image(pixels)[0, :, 0].tolist() == [0, 128, 255]


def test_a_tensor_whose_channels_come_first_is_refused_with_how_to_turn_it():
    with pytest.raises(ImageDecodeError, match=r"channels first.*x\.permute\(1, 2, 0\)"):
        read_image(torch.zeros(3, 8, 9))


@pytest.mark.parametrize(
    ("image_shape", "take"),
    [
        ((3, 8, 6), lambda planes: planes.transpose(0, 2, 3, 1)),
        ([1, 12, 12], lambda planes: planes.reshape(-1, 12, 12)),
        ((4, 6, 6), lambda planes: planes.reshape(-1, 4, 6, 6).transpose(0, 2, 3, 1)),
        ((12, 12, 1), lambda planes: planes.reshape(-1, 12, 12)),
        ((3, 16, 3), lambda planes: planes.reshape(-1, 3, 16, 3)),  # both could be: the last are the channels
    ],
)
def test_rows_of_channels_one_after_the_other_are_folded(tiny, image_shape, take):
    planes = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 6), dtype=np.uint8)
    folded = CNNFeatureTransformer(**tiny, cache=None, image_shape=image_shape).fit_transform(planes.reshape(5, -1))
    expected = CNNFeatureTransformer(**tiny, cache=None).fit_transform(list(take(planes)))
    assert np.allclose(folded, expected, rtol=1e-4, atol=1e-4)


NO_LABEL = {
    "NaN among texts": (np.array(["a", "b", np.nan, "a"], dtype=object), "1 of 4 rows of y .*: row 2"),
    "NaN in a list of texts": (["a", float("nan"), None, "b"], "2 of 4 rows of y .*: rows 1, 2"),
    "floats": (np.array([0.0, 1.0, np.nan, 1.0]), "1 of 4 .*: row 2"),
    "None": (["a", "b", None, None], "2 of 4 .*: rows 2, 3"),
    "pd.NA": (pd.Series(["a", "b", pd.NA, "a"], dtype="string"), "1 of 4 .*: row 2"),
    "whole numbers": (pd.Series([0, 1, pd.NA, 1], dtype="Int64"), "1 of 4 .*: row 2"),
    "categories": (pd.Series(["a", None, "b", "a"], dtype="category"), "1 of 4 .*: row 1"),
    "frame": (pd.DataFrame({"y": ["a", None, "b", "a"]}), "1 of 4 .*: row 1"),
    "polars": (pl.Series(["a", "b", None, "a"]), "1 of 4 .*: row 2"),
    "pyarrow": (pa.array(["a", "b", None, "a"]), "1 of 4 .*: row 2"),
    "dates": (pd.Series(pd.to_datetime(["2020-01-01", None, "2020-01-02", "2020-01-01"])), "1 of 4 .*: row 1"),
    "all": ([None] * 4, "4 of 4 .*: rows 0, 1, 2 and 1 more"),
}  # fmt: skip


@pytest.mark.parametrize(("y", "words"), NO_LABEL.values(), ids=NO_LABEL)
def test_missing_labels_are_counted(tiny, y, words):
    with pytest.raises(ValueError, match=f"no label in {words}"):
        CNNFineTuneClassifier(**tiny, cache=None).fit([PICTURES[0]] * 4, y)


def test_hundreds_of_thousands_of_paths_are_told_by_their_types(monkeypatch):
    from featx.images.containers import cells_of

    monkeypatch.setattr("featx.images.containers.kind_of", lambda cell: pytest.fail("a path was looked at"))
    paths = [f"{n}.png" for n in range(1000)]
    for X in (
        paths,
        np.array(paths),
        np.array(paths, dtype=object),
        pd.Series(paths),
        pl.Series(paths),
        pa.array(paths),
    ):
        assert cells_of(X) == (paths, [])
