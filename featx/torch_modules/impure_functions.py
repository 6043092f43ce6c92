"""Recognise functions of libraries that are impure: their results depend on more than their arguments.

They read files, the network, the environment, the clock, settings of the process, or random number generators of their
own, which no digest can see. Functions that the user has replaced inside a library are found here too.
"""

from __future__ import annotations

import re
import types
from typing import Any

import numpy as np
from torch import Tensor

from .code_facts import PURE_STDLIB, library, plain_text

__all__ = [
    "DYNAMIC_BUILTINS",
    "is_impure",
    "is_impure_module",
    "is_user_code",
    "patched_members",
    "relevant_members",
    "unknown_place",
]

# Built-ins through which code reaches objects that its instructions do not name.
DYNAMIC_BUILTINS = frozenset(
    ["exec", "eval", "compile", "globals", "locals", "vars", "__import__", "open", "input", "breakpoint"]
)

# In any library: functions that read something have such names, and hardly any function that only computes has.
_IMPURE_NAMES = re.compile(
    r"_?(read|load|open|fetch|download|from_?file|im_?read|mem_?map|load_?txt|gen_?from_?txt|safe_open)s?"
    r"(_\w+)?|\w+_(from_url|from_file|from_hub|from_disk)|[a-z]*(imread|memmap|urlopen|urlretrieve)\w*|File|HDFStore"
    r"|from_pretrained|getenv\w*|environ\w*|hub|datasets|fromregex|DataSource|NpzFile|ExcelFile|image_open"
)
# Settings of the process, and random numbers that the seed of torch does not fix.
_PROCESS_SETTINGS = re.compile(
    r"get_(num_threads|num_interop_threads|float32_matmul_precision|default_dtype|default_device|rng_state)"
    r"|are_\w+_enabled|is_deterministic\w+|initial_seed|seed|backends|get_printoptions|geterr|getbufsize"
    r"|get_deterministic_debug_mode|get_image_backend|get_video_backend|get_config|default_rng|is_warn_always_enabled"
)
# Libraries in which nothing computes from its arguments alone, by the top name or by the name of a submodule.
_IMPURE_MODULES = re.compile(
    r"(h5py|zarr|requests|httpx|urllib3|aiohttp|fsspec|s3fs|boto3|psutil|huggingface_hub|datasets|lmdb|sqlalchemy|redis"
    r"|netCDF4|tables|imageio|tifffile|pyarrow|decord|av|kornia_rs|platformdirs|dotenv|threadpoolctl|cpuinfo)(\..*)?"
    r"|numpy\.random(\..*)?|torch\.(hub|backends|distributed)(\..*)?|torchvision\.(io|datasets)(\..*)?"
    r"|skimage\.(io|data)(\..*)?|scipy\.(io|datasets)(\..*)?|sklearn\.datasets(\..*)?|safetensors(\..*)?"
)


def is_impure_module(module: str) -> bool:
    """Tell whether everything in a library's module may depend on more than its arguments."""
    if str(library(module)).startswith("python "):
        return module.partition(".")[0].lstrip("_") not in PURE_STDLIB
    return _IMPURE_MODULES.fullmatch(module) is not None


def is_impure(owner: str, name: str) -> bool:
    """Tell whether a member of a library's module or class may read anything besides its arguments."""
    if owner == "builtins":
        return name in DYNAMIC_BUILTINS
    return is_impure_module(owner) or bool(_IMPURE_NAMES.fullmatch(name) or _PROCESS_SETTINGS.fullmatch(name))


def unknown_place(owner: str, name: str) -> str:
    """Return why a member of a library is not understood, in words; an empty text if it is."""
    return f"of the module {owner}" if is_impure(owner, name) else ""


def is_user_code(value: Any) -> bool:
    """Tell whether a value is a function or class of the user, wherever it was put."""
    value = getattr(value, "__func__", value)
    if isinstance(value, types.FunctionType):
        return library(str(value.__globals__.get("__name__"))) is None
    return isinstance(value, type) and library(value.__module__) is None


def patched_members(owner: Any) -> list[tuple[str, Any]]:
    """Return the names and values of members that were replaced in a library's module or class by the user.

    For a function of the library under the name of another, the value is a string that says so.
    """
    found: list[tuple[str, Any]] = []
    for name, value in sorted(vars(owner).items()):
        if is_user_code(value):
            found.append((name, value))
        elif not name.startswith("_") and isinstance(value, _FUNCTIONS) and value.__name__ != name:
            found.append((name, f"{value.__module__}.{value.__name__}"))
    return found


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType)


def relevant_members(module: types.ModuleType) -> types.ModuleType:
    """Return the members of a library's module that count besides the library's version, where code names them.

    These are members that are not the library's, impure functions, submodules, and plain values, which can be set.
    """
    own = types.ModuleType(module.__name__)
    for name, value in list(vars(module).items()):
        if (
            isinstance(value, types.ModuleType | Tensor | np.ndarray)
            or is_user_code(value)
            or plain_text(value) is not None
            or (callable(value) and is_impure(module.__name__, name))
            or (library(type(value).__module__) is None and not isinstance(value, type))
        ):
            setattr(own, name, value)
    return own
