"""Describe the bytecode of a function as text, with the names that it looks up, and tell libraries from user code.

Line numbers, file names, comments and docstrings are left out, and nothing depends on a process's hash seed.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import re
import site
import struct
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import torch

__all__ = ["PURE_STDLIB", "CodeFacts", "code_facts", "lasting_name", "library", "plain_text"]

# Modules of the standard library that compute from their arguments alone, or have no effect on a network's output.
PURE_STDLIB = frozenset(
    [
        "__future__",
        "abc",
        "array",
        "bisect",
        "builtins",
        "cmath",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "heapq",
        "itertools",
        "json",
        "logging",
        "math",
        "numbers",
        "operator",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "warnings",
    ]
)
# Packages whose version alone identifies them, since each release has a new one. For others, the digests of their files
# count too.
_IDENTIFIED_BY_VERSION = {
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "PIL",
    "einops",
    "safetensors",
    "sklearn",
    "featx",
}
_PLAIN_TYPES = (torch.dtype, torch.device, torch.layout, torch.memory_format, np.dtype, range, type(...), type(None))
_LOOKED_UP = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class CodeFacts:
    """The effects of a code object and of those inside it.

    Attributes
    ----------
    text : str
        The instructions, with the constants and names that they use.
    looked_up : tuple of str
        Names of globals and built-ins, sorted.
    names : frozenset of str
        All names, attributes included.
    imports : tuple of (str, int)
        Modules that are imported while it runs, and by how many packages up the import is relative.
    words : frozenset of str
        Words in its constants, which may be names that it looks up at run time.
    """

    text: str
    looked_up: tuple[str, ...]
    names: frozenset[str]
    imports: tuple[tuple[str, int], ...]
    words: frozenset[str]


@functools.lru_cache(maxsize=4096)
def code_facts(code: CodeType) -> CodeFacts:
    """Return the description of a code object."""
    parts = [f"{code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount} {code.co_flags & 0xFFFFF}"]
    names = set(code.co_names)
    looked_up: set[str] = set()
    words: set[str] = set()
    imports: set[tuple[str, int]] = set()
    known = list(dis.get_instructions(code))
    for place, step in enumerate(known):
        if step.opcode in dis.hasconst:
            if isinstance(step.argval, CodeType):
                inner = code_facts(step.argval)
                parts.append(f"{step.opname} <{inner.text}>")
                looked_up.update(inner.looked_up)
                names |= inner.names
                imports.update(inner.imports)
                words |= inner.words
            else:
                parts.append(f"{step.opname} {plain_text(step.argval)}")
                words.update(_WORD.findall(repr(step.argval)))
        elif step.opcode in dis.hasname or step.opcode in dis.haslocal or step.opcode in dis.hasfree:
            parts.append(f"{step.opname} {step.argval}")
            if step.opname in _LOOKED_UP:
                looked_up.add(str(step.argval))
            elif step.opname == "IMPORT_NAME":
                level = known[place - 2].argval
                imports.add((str(step.argval), level if isinstance(level, int) else 0))
        else:
            parts.append(f"{step.opname} {step.arg}")
    parts.append(code.co_exceptiontable.hex())
    return CodeFacts(
        "\n".join(parts), tuple(sorted(looked_up)), frozenset(names), tuple(sorted(imports)), frozenset(words)
    )


def plain_text(value: Any) -> str | None:
    """Return a text that describes a value completely, or None where no text does.

    It does for numbers, strings, bytes, torch's types and devices, NumPy's scalars, and tuples and frozen sets of
    these.
    """
    kind = type(value)
    if kind in (int, bool, str) or isinstance(value, _PLAIN_TYPES):
        return f"{kind.__name__} {value!r}"
    if kind is float:
        return f"float {struct.pack('>d', value).hex()}"
    if kind is complex:
        return f"complex {struct.pack('>dd', value.real, value.imag).hex()}"
    if kind is bytes:
        return f"bytes {value.hex()}"
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return f"{value.dtype.str} {value.tobytes().hex()}"
    if kind in (tuple, frozenset, torch.Size, slice):
        items = (value.start, value.stop, value.step) if kind is slice else value
        texts = [plain_text(item) for item in items]
        if None in texts:
            return None
        known = [text for text in texts if text is not None]
        return f"{kind.__name__} ({', '.join(sorted(known) if kind is frozenset else known)})"
    return None


def lasting_name(module: str) -> str:
    """Return the name of a module in digests: for featx's own modules, it leaves out the sub-packages."""
    top, _, rest = module.partition(".")
    return f"{top}.{rest.rpartition('.')[2]}" if top == "featx" and rest else module


@functools.lru_cache(maxsize=1024)
def library(module: str) -> str | None:
    """Return the library that a module belongs to, with its version; None for the user's own code."""
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    place = getattr(loaded, "__file__", None) or next(iter(getattr(loaded, "__path__", [])), None)
    # A file of the user may have the name of a module of the standard library.
    if top in sys.stdlib_module_names and (place is None or _lies_in(place, _python_folders())):
        return f"python {sys.version_info.major}.{sys.version_info.minor}"
    if place is None or not _lies_in(place, _site_folders()):
        return None
    try:
        found = metadata.distribution(top)
    except metadata.PackageNotFoundError:
        owners = metadata.packages_distributions().get(top)
        if not owners:
            return None
        found = metadata.distribution(owners[0])
    text = f"{top} {found.version}"
    if top not in _IDENTIFIED_BY_VERSION:
        # A package of the user is often changed without a new version.
        files = sorted(f"{file} {file.hash.value}" for file in found.files or [] if file.hash and file.suffix == ".py")
        if not files:
            return None
        text += f" {hashlib.sha256(' '.join(files).encode()).hexdigest()}"
    return text


def _lies_in(place: str, folders: tuple[str, ...]) -> bool:
    return any(Path(place).is_relative_to(folder) for folder in folders)


@functools.cache
def _python_folders() -> tuple[str, ...]:
    return sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")


@functools.cache
def _site_folders() -> tuple[str, ...]:
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    paths.add(site.getusersitepackages())
    # A Linux distribution's Python keeps packages in a folder that sysconfig does not list.
    paths.update(path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    return tuple(paths)
