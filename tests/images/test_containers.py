"""Promised: images are taken from any container, and anything else is refused with what to pass."""

import os
from collections import UserList, deque
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cells import CELLS, DECODED, PICTURES, content
from featx import CNNFeatureTransformer, CNNFineTuneClassifier
from featx.cache import EmbeddingCache
from featx.exceptions import ParameterError


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
    "batch": lambda cells: pa.RecordBatch.from_pydict({"image": cells}),
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


@pytest.mark.parametrize(("container", "kind"), COLUMNS)
def test_every_column_of_images_is_read(transformer, files, expected, container, kind):
    X = container([CELLS[kind](path) for path in files])
    assert np.allclose(transformer.fit_transform(X), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("kind", ["path", "bytes", "record"])
@pytest.mark.parametrize("column", ["image", ["image"]])
def test_a_column_transformer_passes_on_a_series_or_a_frame(transformer, files, expected, frame, kind, column):
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
    transformer = CNNFeatureTransformer(**tiny, cache=None, on_error="skip")
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
    transformer = CNNFeatureTransformer(**tiny, cache=None, on_error="skip")
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
    "column of nested lists": (lambda: pd.Series([[[0, 9]], [[9, 0]]]), r"2 nested lists of numbers.*np.uint8"),
    "frame of numbers": (lambda: pd.DataFrame({"area": [0.5, 0.1]}), "one column of numbers, area; expected one"),
    "no image in a part": (lambda: pd.Series(["a", None], index=[7, 9]), r"1 of 2 rows of X .*: row 1 \(index 9\)"),
    "bytes in arrays": (lambda: [np.frombuffer(b"\x89PNG\r\n\x1a\n", "u1")] * 2, r"content of a file: pass bytes\(x\)"),
    "an array of bytes": (lambda: np.array([b"\x89PNG\r\n\0\0"]), "array of fixed width, which loses.*dtype=object"),
    "open files": (lambda: [open(__file__, "rb")], r"type BufferedReader in row 0.*file.read\(\)"),  # noqa: SIM115
    "scalars of pyarrow": (lambda: list(pa.array(["a"])), r"type StringScalar in row 0.*as_py\(\)"),
    "number": (lambda: 3, "type int, which is not a collection"),
    "thing": (lambda: object(), "type object, which is not a collection"),
    "things": (lambda: [object()], "type object in row 0 of X"),
    "folder": (lambda: os.path.dirname(__file__), r"got a folder, .*load_dataset\(.*\)\.images"),
    "manifest": (lambda: Path("photos.csv"), r"got a manifest, photos.csv.*load_dataset\(.*\)\.images"),
    "pattern": (lambda: "new/*.jpg", r"got a pattern.*glob\.glob\('new/\*\.jpg'\)"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_collection_of_images_is_refused_with_its_type_and_what_to_pass(transformer, make, words):
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


def test_hundreds_of_thousands_of_paths_are_recognised_by_their_types(monkeypatch):
    from featx.images.containers import cells_of

    monkeypatch.setattr("featx.images.containers.cell_kind", lambda cell: pytest.fail("a path was looked at"))
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
