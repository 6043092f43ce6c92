"""Write data sets as users have them, folders of images and tables, and read them back or catch the refusal."""

import os
import pickle

import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from featx.datasets.load import load_dataset
from featx.exceptions import DatasetError

IMAGES = (".png", ".jpg", ".ppm", ".pgm", ".pnm", ".avif")


def write_files(folder, *names):
    """Write a small image or, by the suffix, a text to each of the files, whose names are relative to the folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = path.suffix.lower()
        if suffix in IMAGES:
            Image.new("L" if suffix == ".pgm" else "RGB", (4, 3)).save(path)
        else:
            path.write_text("text")
    return folder


def write_table(folder, text, name="m.csv", encoding="utf-8"):
    """Write a file of rows, and return its path."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return folder / name


def write_parquet(folder, metadata=None, **columns):
    """Write a Parquet file with the columns, and return its path."""
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), folder / "m.parquet")
    return folder / "m.parquet"


def load_table(folder, text, name="m.csv", encoding="utf-8", **options):
    """Write a manifest and load it."""
    return load_dataset(write_table(folder, text, name, encoding), **options)


def names_below(dataset, folder):
    """Return the names of a data set, relative to a folder."""
    return [os.path.relpath(name, folder) for name in dataset.names]


def refused(source, *, load=load_dataset, error=DatasetError, **options):
    """Return the error that a source is refused with."""
    with pytest.raises(error) as caught:
        load(source, **options)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return caught.value


def refusal(source, **options):
    """Return the message and the next step that a source is refused with."""
    return str(refused(source, **options))


def table_refusal(folder, text, name="m.csv", **options):
    """Return the message and the next step that a manifest is refused with."""
    return refusal(write_table(folder, text, name), **options)
