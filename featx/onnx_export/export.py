"""Write a fitted model as one ONNX file that takes images of any size, after comparing its answers with featx's."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any, Literal

from ..cache.files import replaced
from ..constraints import NONE, PATH, a, check_values, integer, one_of
from ..datasets.dataset import ImageDataset
from ..display.notes import note_once, note_step
from ..display.records import Record
from ..exceptions import MissingDependencyError, ModelFileError, ParameterError
from ..model_files.moved_weights import Files
from ..model_files.persistence import read_model
from ..model_files.trusted_types import UntrustedTypesError
from .check_images import images_to_check
from .decision_graph import check_decisions, ranked_classes
from .file_check import FileCheck, answers, check_answers, float32_probabilities
from .graph_writer import GraphWriter
from .half_weights import with_half_weights
from .image_graph import normalised, resized
from .metadata import input_text, metadata
from .model_steps import ModelSteps
from .network_graph import network_graph

__all__ = ["OnnxExport", "export_onnx"]

# The largest difference of a probability that is accepted. With weights in float16, those of ten digits on
# EfficientNet-Lite0 differed by up to 0.05 on photographs, and by 0.35 on digits, which are enlarged thirty times.
TOLERANCES = {"float32": 1e-3, "float16": 0.1}
INPUTS = ("image", "resized")
SUFFIX = ".onnx"
# With onnxscript 0.7, torch 2.6 cannot write batch normalisation, and what 2.7 and 2.8 write of ResNet-18 is refused,
# since a probability differs by 0.03.
OLDEST_TORCH = (2, 9)
# Protocol Buffers hold no larger messages.
MOST_BYTES = 2**31 - 1


@dataclass(frozen=True, repr=False)
class OnnxExport(Record):
    """What `export_onnx` wrote, and how far its answers are from featx's.

    Attributes
    ----------
    path : str
    n_bytes : int
    input : {"image", "resized"}
    precision : {"float32", "float16"}
    n_images : int
        That were compared.
    largest_difference : float
        Of a probability.
    n_differing : int
        Images of another class; all of them with two probabilities closer than the tolerance.
    tolerance : float
    """

    path: str
    n_bytes: int
    input: str
    precision: str
    n_images: int
    largest_difference: float
    n_differing: int
    tolerance: float


def export_onnx(
    model: Any,
    path: str | os.PathLike[str],
    *,
    top: int = 5,
    input: Literal["image", "resized"] = "image",
    precision: Literal["float32", "float16"] = "float32",
    check: ImageDataset | None = None,
    weights: Files | None = None,
) -> OnnxExport:
    """Write a model as one ONNX file that predicts where featx and torch are not installed.

    The file takes RGB pixels, ``image`` of uint8 and shape (n, height, width, 3), all images of a call of one size,
    and gives ``probabilities`` (n, classes), ``top_classes`` and ``top_probabilities`` (n, top), the most probable
    first; of a model with an operating point, the class that its threshold decides for comes first. It resizes, cuts
    and normalises as featx does, and holds the network, the pooling, the head and its temperature. Reading files is
    left to the caller: upright (EXIF) and as RGB. Its metadata has the names of the classes in order.

    Before the file is kept, onnxruntime answers at least 64 images, and these answers are compared with what featx
    predicts in float32.

    Parameters
    ----------
    model : str, PathLike or estimator
        A model file, or a fitted pipeline of `CNNFeatureTransformer` and a head, or a `CNNFineTuneClassifier`. The
        heads "svm" and "knn" keep embeddings of training images, which the file then holds.
    path : str or PathLike
        Ends in ``.onnx``. Replaced when it exists.
    top : int, default=5
        Classes in ``top_classes``; all of them if there are fewer.
    input : {"image", "resized"}, default="image"
        "resized" leaves the resize out: the file then takes ``resized_image`` of the network's size, and its name ends
        in ``.resized.onnx``.
    precision : {"float32", "float16"}, default="float32"
        How the network's weights are stored: float16 halves the file. They are computed with in float32.
    check : ImageDataset, default=None
        Images to compare on, up to 300 of them, filled up to 64 with built-in photographs.
    weights : str, PathLike or sequence of these, default=None
        As for `load_model`.

    Returns
    -------
    OnnxExport

    Raises
    ------
    ModelFileError
        If a step of the model has no converter, or a probability differs from featx's by more than 0.001 (0.1 with
        float16), or a class where the two largest probabilities are further apart. No file is left.
    MissingDependencyError
        Without the extra ``onnx``.
    BackboneError
        If torch cannot write the network as ONNX.
    """
    check_values(locals(), path=PATH, input=one_of(*INPUTS), precision=one_of(*TOLERANCES),
                 check=a("ImageDataset", "Pass what load_dataset returns.") | NONE, top=integer(1))  # fmt: skip
    target = onnx_path(path, input=input)
    _require_packages()
    evaluation = None
    if isinstance(model, str | os.PathLike):
        try:
            saved = read_model(model, weights=weights)
        except UntrustedTypesError as error:
            raise ModelFileError(
                f"{os.fspath(model)} cannot be written as ONNX: it holds types without an ONNX converter, "
                f"{', '.join(error.names)}",
                "Use a head of `featx fit`: make_head(NAME).",
            ) from error
        model, evaluation = saved.model, saved.evaluation
    steps = ModelSteps.of(model)
    # A head that cannot be written is refused before the network is.
    steps.write_head(GraphWriter(), "rows")
    _note_precision(steps)
    written = _written(steps, input=input, precision=precision, top=top)
    found = _checked(written, steps, input=input, check=check, tolerance=TOLERANCES[precision])
    from onnx import helper

    entries = metadata(steps, found, input=input, precision=precision, evaluation=evaluation)
    helper.set_model_props(written, entries)
    data = written.SerializeToString()
    try:
        with replaced(target) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise ModelFileError(f"cannot write {target}: {error.strerror or error}", "Choose another place.") from error
    return OnnxExport(target, len(data), input, precision, **vars(found))


def onnx_path(path: str | os.PathLike[str], *, input: str) -> str:
    """Return the name of the file, which says where the resize is left out.

    Raises
    ------
    ParameterError
        If it does not end in ``.onnx``.
    """
    target = os.fspath(path)
    if not target.lower().endswith(SUFFIX):
        raise ParameterError(f"got {target} as the file to write; expected a name that ends in {SUFFIX}")
    stem, suffix = target[: -len(SUFFIX)], target[-len(SUFFIX) :]
    return target if input == "image" or stem.endswith(".resized") else f"{stem}.resized{suffix}"


def _require_packages() -> None:
    for name in ("onnx", "onnxruntime", "onnxscript"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingDependencyError(name, "writing a model as ONNX", "onnx") from error
    import torch

    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        raise ModelFileError(
            f"torch {torch.__version__} cannot write a network as ONNX with the packages that are installed",
            f"Install {oldest} or newer: pip install 'torch>={oldest}' torchvision.",
        )


def _note_precision(steps: ModelSteps) -> None:
    fitted = getattr(steps.images, "precision_", "float32")
    if fitted != "float32":
        note_once(f"the model was fitted on embeddings in {fitted}; the ONNX file computes them in float32")


def _written(steps: ModelSteps, *, input: str, precision: str, top: int) -> Any:
    """Return the model as ONNX, without its metadata."""
    from onnx import TensorProto, helper

    preprocessing, graph = steps.source.preprocessing, GraphWriter()
    name, sides = ("image", ["height", "width"]) if input == "image" else ("resized_image", [preprocessing.crop] * 2)
    if input == "image":
        values = resized(graph, name, preprocessing)
    else:
        values = graph.cast(graph.add("Transpose", name, perm=[0, 3, 1, 2]), "float")
    values = normalised(graph, values, preprocessing)
    graph.part = "network"
    note_step(f"writing the network {steps.source.name} as ONNX")
    network = network_graph(steps.source, steps.view)
    rows = graph.join(with_half_weights(network) if precision == "float16" else network, values)
    graph.part = "head"
    probabilities = steps.write_head(graph, rows)
    graph.part = "output"
    shown = min(top, len(steps.classes))
    values, numbers = ranked_classes(graph, probabilities, classes=steps.classes, decision=steps.decision, top=shown)
    names = graph.add("Gather", graph.texts(steps.classes), numbers)
    for tensor, output in ((probabilities, "probabilities"), (names, "top_classes"), (values, "top_probabilities")):
        graph.name_output(tensor, output)
    inputs = [helper.make_tensor_value_info(name, TensorProto.UINT8, ["n", *sides, 3])]
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(steps.classes)]),
        helper.make_tensor_value_info("top_classes", TensorProto.STRING, ["n", shown]),
        helper.make_tensor_value_info("top_probabilities", TensorProto.FLOAT, ["n", shown]),
    ]
    text = f"Classifies images into {len(steps.classes)} classes. Takes {input_text(preprocessing, input)}."
    return graph.model(inputs, outputs, name=steps.source.name.replace(":", "_"), text=text)


def _checked(written: Any, steps: ModelSteps, *, input: str, check: ImageDataset | None, tolerance: float) -> FileCheck:
    """Compare the answers of the model as ONNX with featx's; raise ModelFileError if they differ."""
    import onnxruntime

    if written.ByteSize() > MOST_BYTES:
        raise ModelFileError(
            f"the model takes {written.ByteSize() / 1e9:.1f} GB, and an ONNX file holds 2 GB at most",
            "precision='float16' halves it.",
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    session = onnxruntime.InferenceSession(written.SerializeToString(), options, providers=["CPUExecutionProvider"])
    note_step("comparing the file with featx")
    images = images_to_check(check, steps.images)
    expected = float32_probabilities(steps.model, images)
    if input == "resized":
        resize = steps.source.preprocessing.apply
        images = [resize(image).permute(1, 2, 0).numpy() for image in images]
    given, rows = answers(session, images)
    found = check_answers(expected[rows], given, n_images=len(images), tolerance=tolerance)
    if steps.decision is not None:
        check_decisions(session, images, steps.classes, steps.decision)
    return found
