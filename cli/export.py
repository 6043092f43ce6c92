"""`featx export`: write a saved model as one ONNX file, for use without featx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .checks import check_model_files
from .data_options import column_options, images_from
from .logs import announce
from .option_groups import DATA, NETWORK, OUTPUT, Command, in_group
from .options import parameters_from, quiet_option
from .output_files import check_output
from .overwrites import check_overwrites
from .report import note, say

__all__ = ["export"]

SUMMARY = "Write a saved model as one ONNX file."

_data, _network, _output = in_group(DATA), in_group(NETWORK), in_group(OUTPUT)


@click.command(cls=Command, options_metavar="-o FILE.onnx [OPTIONS]", short_help=SUMMARY)
@click.argument("model", type=click.Path())
@_output("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.onnx", required=True,
         help="Write the file, which is replaced if it exists.")  # fmt: skip
@_data("--check", "data", metavar="DATA",
       help="Compare on these images, too [default: 64 cut from two photographs].")  # fmt: skip
@column_options
@_network("--weights", multiple=True, type=click.Path(), metavar="FILE",
          help="Where the model's own weight file is now, if not in its old place or next to the model.")  # fmt: skip
@_output("--top", default=5, show_default=True, type=click.IntRange(min=1), metavar="N", help="Classes to name.")
@_output("--input", type=click.Choice(["image", "resized"]), default="image", show_default=True,
         help="What the file takes: an image of any size, or one that was resized.")  # fmt: skip
@_output("--precision", type=click.Choice(["float32", "float16"]), default="float32", show_default=True,
         help="How the network's weights are stored; float16 halves the file.")  # fmt: skip
@quiet_option
def export(model: str, output: Path, data: str | None, **options: Any) -> None:
    """Write a MODEL of `featx fit` or `featx finetune` as one ONNX file, which predicts where featx is not installed.

    The file takes RGB pixels of any size, resizes and normalises them as featx does, and gives the classes with their
    probabilities. It is kept only if onnxruntime answers at least 64 images with it as featx predicts them.

    \b
    Examples:
        featx export digits.skops -o digits.onnx
        featx export m.skops -o m.onnx --check photos/ --precision float16
    """
    options["split_from"] = None
    check_output(output)
    check_overwrites(output, options, {"MODEL": [model], "--check": [data] if data else []})
    check_model_files(model, options["weights"])
    dataset = None if data is None else images_from(options, [data], output=output)
    announce(options, f"loading torch and {model}")
    from ..onnx_export.export import export_onnx

    parameters = parameters_from(options, ("top", "input", "precision"))
    found = export_onnx(model, output, check=dataset, weights=options["weights"], **parameters)
    note(
        options,
        f"compared with featx in float32 on {found.n_images} images: probabilities differ by up to "
        f"{found.largest_difference:.1g} (accepted: {found.tolerance:g}), {found.n_differing} have another class",
    )
    takes = "images of any size" if found.input == "image" else "images that were resized and cut before"
    say(f"{found.path}: {found.n_bytes / 1e6:.1f} MB; it takes {takes}")
