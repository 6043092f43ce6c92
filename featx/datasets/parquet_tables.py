"""Read a Parquet file into columns of text, numbers or encoded images as Hugging Face stores them."""

from __future__ import annotations

import json
from typing import Any

from ..exceptions import DatasetError, MissingDependencyError
from .columns import Table

__all__ = ["read_parquet"]


def read_parquet(path: str) -> Table:
    """Read the columns of a Parquet file, each when it is needed.

    Raises
    ------
    DatasetError
        If it cannot be read, or a column that is needed holds neither text, numbers nor encoded images.
    MissingDependencyError
        Without pyarrow.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("pyarrow", "a Parquet manifest", "parquet") from error
    try:
        schema = pyarrow.parquet.read_schema(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DatasetError(f"cannot read {path}: {error}", "Save it again as Parquet.") from error

    def column(name: str) -> list[Any]:
        try:
            values = pyarrow.parquet.read_table(path, columns=[name]).column(name)
        except (OSError, pyarrow.ArrowException) as error:
            raise DatasetError(f"cannot read {path}: {error}", "Save it again as Parquet.") from error
        return _values(path, name, values, _class_names(schema, name))

    return Table(path, list(schema.names), column, lambda row: f"row {row + 1}")


def _values(path: str, name: str, values: Any, classes: list[str] | None) -> list[Any]:
    from pyarrow import types

    kind = values.type.value_type if types.is_dictionary(values.type) else values.type
    found = values.to_pylist()
    if types.is_struct(kind) and {"bytes", "path"} & {member.name for member in kind}:
        return [_cell(value) for value in found]
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return [_text_or_image(value) for value in found]
    if types.is_nested(kind):
        raise DatasetError(
            f"{path} has the column {name} of type {kind}; expected text or numbers",
            "Write one value for each image.",
        )
    if classes is not None and types.is_integer(kind):
        # Hugging Face writes -1 where the class is not known.
        return ["" if v is None or v < 0 else classes[v] if v < len(classes) else str(v) for v in found]
    if types.is_floating(kind):
        # Large whole numbers are written with all digits, too.
        found = [f"{v:.1f}" if v is not None and float(v).is_integer() else v for v in found]
    # NaN is the one value that is not equal to itself.
    return ["" if v is None or v != v else str(v).strip() for v in found]


def _cell(value: dict[str, Any] | None) -> Any:
    """Return the encoded image of a struct of bytes and path, or the path where it has no bytes."""
    if value is None:
        return ""
    return value if value.get("bytes") else (value.get("path") or "")


def _text_or_image(value: bytes | None) -> Any:
    """Return bytes as text if they are text, else unchanged, as an encoded image."""
    try:
        text = (value or b"").decode().strip()
    except UnicodeDecodeError:
        return value
    return text if text.isprintable() else value


def _class_names(schema: Any, name: str) -> list[str] | None:
    """Return the class names that Hugging Face's `datasets` stores in the metadata, or None."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        names = features[name]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else None
