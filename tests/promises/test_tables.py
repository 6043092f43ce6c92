"""Promised: docs/tasks/tables.md runs as it is written, and a nested search over a table forwards each image once."""

import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from scipy.sparse import issparse
from sklearn import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import StandardScaler

from featx import CNNFeatureTransformer, ImageDecodeError

PAGE = (Path(__file__).parents[2] / "docs" / "tasks" / "tables.md").read_text(encoding="utf-8")
COUNT = 20
FRAMES = {"pandas": pd.DataFrame, "polars": pl.from_pandas}


def block(word, folds=5):
    """Return the one block of Python with this word, on smaller images and with so many folds."""
    (found,) = (text for text in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL) if word in text)
    found = found.replace("Transformer(prefetch", "Transformer(image_size=32, prefetch").replace("cv=5", f"cv={folds}")
    return compile(found, "tables.md", "exec")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with `cells/cells.csv` and its images, of which the dark ones are defective."""
    target = tmp_path_factory.mktemp("table")
    (target / "cells").mkdir()
    rng, rows = np.random.default_rng(0), []
    for number in range(COUNT):
        dark = number % 2
        pixels = rng.integers(0, 120, (20, 24, 3)) + (0 if dark else 100)
        Image.fromarray(pixels.astype(np.uint8)).save(target / "cells" / f"{number}.png")
        kind = ["mono", "poly"][number // 2 % 2]
        rows.append([f"{number}.png", kind, pixels.mean(), ["functional", "defective"][dark]])
    frame = pd.DataFrame(rows, columns=["photo", "kind", "brightness", "label"])
    frame.to_csv(target / "cells" / "cells.csv", index=False)
    return target


@pytest.fixture
def table(folder):
    found = pd.read_csv(folder / "cells" / "cells.csv")
    found["photo"] = [str(folder / "cells" / name) for name in found["photo"]]
    return found


def columns(tiny, **options):
    rest = ("rest", StandardScaler(), ["brightness"])
    return ColumnTransformer([("photo", CNNFeatureTransformer(**tiny, **options), "photo"), rest])


@pytest.mark.parametrize("folds", [2, pytest.param(5, marks=pytest.mark.long)])
def test_the_page_and_its_nested_grid_forward_each_image_once(folder, forwards, monkeypatch, folds):
    monkeypatch.chdir(folder)
    names = {}
    exec(block("cross_val_score", folds), names)
    assert names["scores"].shape == (folds,)
    assert len(names["search"].param_grid["head__C"]) * 2 * 25 + 5 == 155
    assert forwards.since() == COUNT
    exec(block("HistGradientBoosting"), names)
    assert names["model"].predict(names["table"]).shape == (COUNT,)


@pytest.mark.parametrize("kind", FRAMES)
def test_the_page_on_skrub(folder, kind, monkeypatch, tiny):
    pytest.importorskip("skrub")
    monkeypatch.chdir(folder)
    frame = pd.read_csv("cells/cells.csv")
    frame["photo"] = "cells/" + frame["photo"]
    names = {"table": FRAMES[kind](frame), "CNNFeatureTransformer": lambda: CNNFeatureTransformer(**tiny)}
    exec(block("skrub"), names)
    fitted = names["vectorizer"].transform(names["table"])
    for found in (fitted, names["X"]):
        assert type(found) is type(names["table"])
        assert len([name for name in found.columns if name.startswith("cnnfeaturetransformer")]) == 512


def test_two_columns_of_images_beside_words_and_what_their_rows_are_called(tiny, table, forwards):
    table["back"] = table["photo"][::-1].tolist()
    image = CNNFeatureTransformer(**tiny)
    both = ColumnTransformer([("front", image, "photo"), ("back", clone(image), "back"),
                              ("words", CountVectorizer(), "kind")], sparse_threshold=1)  # fmt: skip
    rows = both.fit_transform(table)
    assert issparse(rows)
    assert rows.shape == (COUNT, 2 * 512 + 2) == (COUNT, len(set(both.get_feature_names_out())))
    assert np.allclose(rows.toarray()[:, :512], rows.toarray()[::-1, 512:1024])
    assert forwards.since() == COUNT
    images = ColumnTransformer(both.transformers[:2]).fit(table)
    again = pickle.loads(pickle.dumps(images)).set_output(transform="pandas")
    assert np.allclose(again.transform(table[5:])["back__cnnfeaturetransformer0"], rows.toarray()[5:, 512])
    assert again.transform(table[5:]).index.tolist() == table.index[5:].tolist()
    assert forwards.since() == 0


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, ""], ids=["None", "NaN", "NA", "empty"])
def test_missing_images_are_rows_of_nan_or_an_error_with_their_row(tiny, table, kind, nothing):
    table = table[4:8].astype({"photo": object})
    table.loc[6, "photo"] = nothing
    frame = FRAMES[kind](table)
    name = r" \(index 6\)" if kind == "pandas" else ""
    with pytest.raises(ValueError, match=f"got no image in 1 of 4 rows of X .*: row 2{name}. Leave .* on_error='skip'"):
        columns(tiny).fit_transform(frame)
    skipping = columns(tiny, on_error="skip").set_output(transform=kind)
    rows = np.asarray(skipping.fit_transform(frame))
    assert np.isnan(rows[:, :-1]).all(axis=1).tolist() == np.isnan(rows).any(axis=1).tolist() == [0, 0, 1, 0]
    assert [failure.index for failure in skipping.named_transformers_["photo"].failures_] == [2]


def test_an_unreadable_image_is_named_in_a_table_too(tiny, table):
    table.loc[3, "photo"] = "nosuch.png"
    with pytest.raises(ImageDecodeError, match=r"nosuch\.png"):
        columns(tiny).fit(table[:3]).transform(table)
    assert np.isnan(columns(tiny, on_error="skip").fit_transform(table)[:, 0]).nonzero()[0].tolist() == [3]


def test_a_column_of_polars_arrays_is_read_in_a_table(tiny, table):
    pixels = np.stack([np.asarray(Image.open(path)) for path in table["photo"]])
    frame = pl.DataFrame({"photo": pixels, "brightness": table["brightness"].tolist()})
    assert np.allclose(columns(tiny).fit_transform(frame), columns(tiny).fit_transform(table), atol=1e-5)
