"""Recognise the format of a file of weights by its first bytes: safetensors, torch, or one that is refused."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from ..exceptions import WeightsError

__all__ = ["check_weights_name", "is_safetensors", "refuse_other_formats"]

CONVERT = (
    "Convert it where it was made to a PyTorch state_dict() of this network, saved with torch.save or safetensors."
)
FETCH = "Fetch or save the file again."
# Patterns of the first bytes of a file, the format, and the next step.
SIGNATURES = [
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes", CONVERT),
    (rb"GGUF", "a GGUF file of a language model", CONVERT),
    (rb"\x93NUMPY", "a NumPy array", CONVERT),
    (rb"model_checkpoint_path:", "the index of a TensorFlow checkpoint", CONVERT),
    (rb"....TFL3", "a TensorFlow Lite model", CONVERT),
    (
        rb"version https://git-lfs",
        "the pointer that Git LFS leaves where the file was not fetched",
        "Fetch the file itself: git lfs pull.",
    ),
    (
        rb"\s*<",
        "a web page (HTML or XML): the download failed",
        "Download it again; open the address in a browser, for it may ask for a login.",
    ),
    (rb"\s*[{\[]", "text (JSON)", "Pass the file of tensors beside it."),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf", "compressed", "Unpack it first."),
    (rb"\x08[\x00-\x7f][\x12\x1a:\x28]", "an ONNX or TensorFlow graph", CONVERT),
]
KINDS_BY_SUFFIX = {
    ".onnx": "an ONNX graph",
    ".pb": "a TensorFlow graph",
    ".index": "the index of a TensorFlow checkpoint",
    ".tflite": "a TensorFlow Lite model",
    ".msgpack": "a Flax checkpoint",
    ".mlmodel": "a Core ML model",
    ".h5": "not an HDF5 file in spite of its name",
    ".keras": "not a Keras archive in spite of its name",
}


def check_weights_name(target: Path) -> None:
    """Raise WeightsError unless the name of a file to write is one of safetensors."""
    if target.suffix != ".safetensors":
        raise WeightsError(f"got {target} for weights", "Choose a name that ends in .safetensors.")


def is_safetensors(data: bytes) -> bool:
    """Tell whether a file is safetensors by its first bytes, whatever its name."""
    return data[8:9] == b"{" and 2 <= int.from_bytes(data[:8], "little") < len(data)


def refuse_other_formats(file: str, data: bytes) -> None:
    """Raise an error that names the format for a file that is certainly not one of PyTorch tensors.

    Raises
    ------
    WeightsError
    """
    what, step = _other_format(file, data)
    if what:
        raise WeightsError(f"cannot read the weights {file}: it is {what}", step)


def _other_format(file: str, data: bytes) -> tuple[str, str]:
    name = file.lower()
    if not data:
        return "empty", FETCH
    if not data[:64].strip(b"\0") and not data.strip(b"\0"):
        return "nothing but zeros: the copy or the download broke off", FETCH
    if data[:4] in (b"PK\3\4", b"PK\5\6"):
        return _other_zip(file, data)
    for pattern, what, step in SIGNATURES:
        if re.match(pattern, data[:64], re.DOTALL):
            return what, step
    if data[257:262] == b"ustar":
        return "a tar archive", "Unpack it, and pass the file of tensors in it."
    if re.search(r"\.data-\d+-of-\d+$", name):
        return "part of a TensorFlow checkpoint", CONVERT
    # Old files of torch are plain pickles, which begin with this byte.
    if data[:1] == b"\x80" or name.endswith(".safetensors"):
        return "", ""
    suffix = next((suffix for suffix in KINDS_BY_SUFFIX if name.endswith(suffix)), "")
    return (KINDS_BY_SUFFIX[suffix], CONVERT) if suffix else ("not a file of tensors of any known format", FETCH)


def _other_zip(file: str, data: bytes) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
    except zipfile.BadZipFile:
        return "cut off: the copy or the download broke off", FETCH
    tops = {member.partition("/")[2] for member in members}
    if "constants.pkl" in tops or any(member.startswith("code/") for member in tops):
        return (
            "a TorchScript archive, which holds code",
            f"If you trust it, take its tensors: torch.save(torch.jit.load({file!r}).state_dict(), 'weights.pth').",
        )
    if "data.pkl" in tops:
        return "", ""
    if "model.weights.h5" in members or "metadata.json" in members:
        return "a Keras archive", CONVERT
    if any(member.endswith("saved_model.pb") for member in members):
        return "a TensorFlow SavedModel", CONVERT
    if members and all(member.endswith(".npy") for member in members):
        return "a NumPy archive", CONVERT
    if tops & {"archive_format", ".data/extern_modules", "models/model.json"}:
        return (
            "an archive of torch.export or torch.package, which holds code",
            f"If you trust it, take its tensors: torch.save(torch.export.load({file!r}).state_dict, 'weights.pth').",
        )
    return "a zip archive that torch did not write", "Unpack it, and pass the file of tensors in it."
