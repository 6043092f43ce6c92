"""Load the tensors of a checkpoint with torch's restricted unpickler, without creating objects of other types.

Checkpoints hold options, numbers and paths besides the tensors. torch refuses types that it does not know, since
creating an object may run code. Objects of the types listed here are not created either: placeholders that do nothing
take their place.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import threading
import warnings
import zipfile
from collections import OrderedDict
from typing import Any

from ..exceptions import WeightsError

__all__ = ["load_tensors"]

_NUMBERS = ("Bool", "Bytes", "Complex64", "Complex128", "DateTime64", "Float16", "Float32", "Float64", "Int8", "Int16",
            "Int32", "Int64", "LongLong", "Object", "Str", "TimeDelta64", "UInt8", "UInt16", "UInt32", "UInt64",
            "ULongLong", "Void")  # fmt: skip
_SCALARS = ("bool", "bool_", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
            "uint32", "uint64", "str_", "bytes_", "ndarray", "dtype")  # fmt: skip
_PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
HARMLESS = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    "builtins.frozenset", "builtins.range", "builtins.slice", "builtins.object",
    "builtins.int", "builtins.float", "builtins.str", "builtins.bool", "builtins.bytes", "builtins.list",
    "builtins.dict", "builtins.tuple",
    "copyreg._reconstructor",
    *(f"datetime.{name}" for name in ("datetime", "date", "time", "timedelta", "timezone")),
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in _PATHS),
    *(f"numpy.{name}" for name in _SCALARS),
    *(f"numpy.dtypes.{name}DType" for name in _NUMBERS),
    *(f"{module}.multiarray.{name}" for module in ("numpy.core", "numpy._core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.random.{name}" for name in ("_pickle.__randomstate_ctor", "_pickle.__generator_ctor",
      "_pickle.__bit_generator_ctor", "_mt19937.MT19937", "_pcg64.PCG64", "bit_generator.SeedSequence",
      "bit_generator.__pyx_unpickle_SeedSequence")),
    *(f"omegaconf.{name}" for name in ("dictconfig.DictConfig", "listconfig.ListConfig", "base.ContainerMetadata",
      "base.Metadata", "base.SCMode", "nodes.AnyNode", "nodes.StringNode", "nodes.IntegerNode", "nodes.FloatNode",
      "nodes.BooleanNode")),
    "mmengine.logging.history_buffer.HistoryBuffer",
)  # fmt: skip

DICTIONARIES = (
    "collections.defaultdict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "yacs.config.CfgNode",
    "easydict.EasyDict",
    "mmengine.config.config.ConfigDict",
)
LISTS = ("collections.deque",)

_loading = threading.Lock()


class _Placeholder:
    """Placeholder for an object of another type, or for the result of a function."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _PlaceholderDict:
    """Placeholder for a kind of dictionary, whose values may be tensors."""

    def __new__(cls, *args: Any) -> Any:
        return OrderedDict()


class _PlaceholderList:
    """Placeholder for a kind of list."""

    def __new__(cls, *args: Any) -> Any:
        return []


def _placeholders() -> list[Any]:
    """Return a placeholder class for each of the harmless types, under its name."""
    found: list[Any] = []
    kinds = {_Placeholder: HARMLESS, _PlaceholderDict: DICTIONARIES, _PlaceholderList: LISTS}
    for name, kind in [(name, kind) for kind, names in kinds.items() for name in names]:
        module, _, short = name.rpartition(".")
        found.append(type(short, (kind,), {"__module__": module, "__qualname__": short}))
    return found


def load_tensors(file: str, data: bytes) -> Any:
    """Return the content of a file of torch.save; only tensors and plain values are created, and no code is run.

    Parameters
    ----------
    file : str
        For messages.
    data : bytes

    Raises
    ------
    WeightsError
        If it holds other types, which are named, or cannot be read.
    """
    import torch

    try:
        # The list of allowed types is shared by all threads.
        with _loading, warnings.catch_warnings(), torch.serialization.safe_globals(_placeholders()):
            warnings.simplefilter("ignore")  # torch warns about files that it then refuses
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(file, data, str(error)) from error
    except Exception as error:  # damaged files fail in many ways
        raise WeightsError(f"cannot read the weights {file}: {error}", "Fetch or save the file again.") from error


def _refusal(file: str, data: bytes, said: str) -> WeightsError:
    named = _types_in(data)
    blamed = re.search(r"GLOBAL ([\w.]+)", said)
    unknown = [
        name for name in named if name not in HARMLESS and not name.startswith(("torch._utils.", "collections."))
    ]
    foreign = [name for name in unknown if not name.startswith("torch.") or name.startswith("torch.nn.modules.")]
    names = [blamed[1]] if blamed else foreign[:1]
    if not named and not blamed:
        return WeightsError(
            f"cannot read the weights {file}: not a file of torch, or a damaged one; refused", "Fetch or save it again."
        )
    if any(name.startswith("torch.nn.modules.") for name in named):
        kind = next((n for n in foreign if not n.startswith(("torch.", "builtins.", "__builtin__."))), foreign[0])
        return WeightsError(
            f"{file} holds a whole pickled network ({kind}), which could run code when loaded, and is refused",
            "Where its code is and you trust the file, save its tensors: "
            f"torch.save(torch.load({file!r}, weights_only=False).state_dict(), 'weights.pth').",
        )
    if "operand" in said:
        return WeightsError(
            f"{file} was pickled in a way that torch reads only by running it, and is refused",
            "Where you trust the file, save it again: "
            f"torch.save(torch.load({file!r}, weights_only=False), 'weights.pth').",
        )
    what = f"an object of the type {names[0]}" if names else "more than tensors"
    return WeightsError(
        f"{file} holds {what}, which could run code when loaded, and is refused",
        f"Where you trust the file, save the tensors alone: checkpoint = torch.load({file!r}, weights_only=False); "
        "torch.save(checkpoint['state_dict'], 'weights.pth').",
    )


def _types_in(data: bytes) -> list[str]:
    """Return the names of the types and functions in the pickles of a file, in order; nothing is loaded."""
    stream = io.BytesIO(data)
    found: list[str] = []
    try:
        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                member = next(name for name in archive.namelist() if name.endswith("data.pkl"))
                stream = io.BytesIO(archive.read(member))
        while True:  # files of old versions are several pickles, one after the other
            words: list[str] = []
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == "GLOBAL":
                    found.append(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL" and len(words) > 1:
                    found.append(".".join(words[-2:]))
                elif isinstance(argument, str):
                    words.append(argument)
    except Exception:  # the end of the file, or not a pickle
        return list(dict.fromkeys(found))
