"""Measure how much half precision and featx's faster computation change embeddings and accuracy.

Three tables: cosines of bfloat16 embeddings with float32's for a network of every family; accuracy of heads on ELPV
(`elpv-dataset`) with either; cosines of featx's embeddings with those of torchvision's own preprocessing on PIL images
and torch's plain float32 network. Networks whose weights are not on this machine get random ones with BatchNorm
statistics taken from the photographs; noise grows in such networks far more than in trained ones.

    pip install "featx[dev]" scikit-image
    python benchmarks/precision.py [families] [probe] [fidelity]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from elpv import write_manifest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from featx import CNNFeatureTransformer, load_dataset
from featx.networks.architectures import EMBEDDED
from featx.networks.backbone import BackboneSource
from featx.networks.pooling import pool
from featx.networks.precision import measure_agreement
from featx.networks.resolve import resolve_backbone

FAMILIES = (
    *("efficientnet_lite0", "alexnet", "vgg16_bn", "resnet18", "resnet50", "densenet121", "inception_v3", "googlenet"),
    *("shufflenet_v2_x1_0", "squeezenet1_1", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0"),
    *("regnet_y_400mf", "convnext_tiny", "swin_t", "vit_b_16", "maxvit_t"),
)


def photographs(count: int) -> list[np.ndarray]:
    """Return square crops of the photographs that scikit-learn and scikit-image bring, always the same."""
    import skimage.data
    from sklearn.datasets import load_sample_images

    names = ("astronaut", "coffee", "chelsea", "rocket", "hubble_deep_field", "retina", "immunohistochemistry")
    photos = [*load_sample_images().images, *(getattr(skimage.data, name)() for name in names)]
    rng = np.random.default_rng(0)
    crops = []
    for number in range(count):
        photo = photos[number % len(photos)]
        side = int(min(photo.shape[:2]) * rng.uniform(0.4, 1))
        top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
        crops.append(np.ascontiguousarray(photo[top : top + side, left : left + side]))
    return crops


def network(name: str, images: list[np.ndarray]) -> BackboneSource:
    """Return the embedded network as it is, any other with random weights and fitting BatchNorm statistics."""
    if name == EMBEDDED:
        return resolve_backbone(name)
    source = resolve_backbone(name, weights=None)
    module = source.build().eval()
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
    pixels = torch.stack([source.preprocessing.apply(image) for image in images[:32]])
    with torch.no_grad():
        module(source.preprocessing.normalise(pixels))
    for norm in norms:
        norm.eval()
    return replace(source, weights_digest="photographs", build=lambda: module)


def families() -> None:
    """Print the cosines for a network of every family."""
    images = photographs(96)
    click.echo('| network | weights | mean cosine | worst cosine | "auto" |\n|---|---|---|---|---|')
    for name in FAMILIES:
        found = measure_agreement(network(name, images), images, device="cpu", precision="bfloat16")
        weights = "ImageNet" if name == EMBEDDED else "random"
        chosen = "bfloat16" if found.close else "float32"
        click.echo(f"| {name} | {weights} | {found.mean:.5f} | {found.worst:.5f} | {chosen} |")


def probe() -> None:
    """Print the accuracy of heads on ELPV with either precision."""
    heads = {"LogisticRegression(C=0.01)": LogisticRegression(C=0.01, max_iter=1000), "SVC(C=10)": SVC(C=10)}
    with tempfile.TemporaryDirectory() as folder:
        data = load_dataset(str(write_manifest(Path(folder, "elpv.csv"))))
        matrices = {}
        for precision in ("float32", "bfloat16"):
            transformer = CNNFeatureTransformer(precision=precision, cache=Path(folder, "cache"))
            matrices[precision] = transformer.fit_transform(data.images)
    cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in zip(*matrices.values(), strict=True)]
    click.echo(f"ELPV, {EMBEDDED}: mean cosine {np.mean(cosines):.5f}, worst {min(cosines):.5f}\n")
    click.echo("| head | float32 | bfloat16 |\n|---|---|---|")
    for name, head in heads.items():
        scores = []
        for matrix in matrices.values():
            folds = [StratifiedKFold(5, shuffle=True, random_state=seed) for seed in range(3)]
            pipeline = make_pipeline(StandardScaler(), head)
            scores.append(np.mean([cross_val_score(pipeline, matrix, data.labels, cv=cv).mean() for cv in folds]))
        click.echo(f"| {name} | {scores[0]:.2%} | {scores[1]:.2%} |")


def fidelity() -> None:
    """Print the cosines of featx's embeddings with those of the weights' own preprocessing and torch's network."""
    from cold import reference_transform

    images = photographs(48)
    click.echo("| network | precision | mean cosine | worst cosine |\n|---|---|---|---|")
    for name in (EMBEDDED, "resnet50", "mobilenet_v2", "vit_b_16"):
        source = network(name, images)
        architecture, module = source.architecture, source.build().eval()
        transform: Callable[[Image.Image], torch.Tensor] = reference_transform(name)
        node = architecture.node(architecture.default_layer)
        batch = torch.stack([transform(Image.fromarray(image)) for image in images])
        with torch.inference_mode():
            from featx.torch_modules.graphs import feature_extractor

            reference = pool(
                feature_extractor(module, [node], name=name)(batch)[node],
                architecture.pooling,
                channels_last=architecture.is_channels_last(node),
                prefix_tokens=architecture.prefix_tokens,
            )
        pixels = torch.stack([source.preprocessing.apply(image) for image in images])
        for precision in ("float32", "bfloat16"):
            own = source.load("cpu").embed(
                pixels, [source.view(None, "auto")], preprocessing=source.preprocessing, precision=precision
            )[0]
            cosines = torch.nn.functional.cosine_similarity(own, reference, dim=1)
            click.echo(f"| {name} | {precision} | {cosines.mean():.5f} | {cosines.min():.5f} |")


@click.command()
@click.argument("tables", nargs=-1, type=click.Choice(["families", "probe", "fidelity"]))
def main(tables: tuple[str, ...]) -> None:
    """Print the TABLES, or all three."""
    for name in tables or ("families", "probe", "fidelity"):
        {"families": families, "probe": probe, "fidelity": fidelity}[name]()
        click.echo()


if __name__ == "__main__":
    main()
