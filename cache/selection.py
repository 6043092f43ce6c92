"""Choose one spec of a cache by its fields or digest, or list how those that match differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..exceptions import CacheError
from .spec import EmbeddingSpec

__all__ = ["choose_spec", "differences", "fitting_specs"]

# Feature maps that fine-tuning keeps have a pooling that begins with this.
FEATURE_MAP = "map:"
# How many characters of a digest an error message shows, and how many specs.
DIGEST_CHARACTERS = 12
# What is cut out of an image is as large as the network's input.
IMAGE_SIZE = "image size"
# What parts of the preprocessing are called in messages, where their keys are other words.
SHOWN_NAMES = {"crop": IMAGE_SIZE, "view": "draw"}
MOST_LISTED = 8


def choose_spec(
    specs: Sequence[EmbeddingSpec], *, digest: str | None = None, fields: Mapping[str, str] | None = None
) -> EmbeddingSpec:
    """Return the one spec that matches.

    Parameters
    ----------
    specs : sequence of EmbeddingSpec
    digest : str, default=None
        The first characters of its digest. Without it, feature maps that fine-tuning keeps (their pooling begins with
        "map:") are left out, unless `fields` name such a pooling.
    fields : mapping of str to str, default=None
        Fields of the spec and their values; the precision may be given by its first word, such as "bfloat16".

    Raises
    ------
    CacheError
        If none matches, or several do.
    """
    fields = dict(fields or {})
    pooling = fields.get("pooling", "")
    found = [
        spec
        for spec in specs
        if digest is not None or pooling.startswith(FEATURE_MAP) or not spec.pooling.startswith(FEATURE_MAP)
    ]
    found = fitting_specs(found, digest=digest, fields=fields)
    if len(found) == 1:
        return found[0]
    lines = [f"{spec.digest[:DIGEST_CHARACTERS]}: {text}" for spec, text in zip(found, differences(found), strict=True)]
    more = [f"and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    raise CacheError(
        f"{len(found)} kinds of embeddings fit", "\n  ".join([_how_to_choose(found), *lines[:MOST_LISTED], *more])
    )


def _how_to_choose(found: Sequence[EmbeddingSpec]) -> str:
    """Return by what to choose one of several specs: fields in which they differ, if there are any, or the digest."""
    by = [name for name in ("backbone", "layer", "pooling", "precision") if len({getattr(s, name) for s in found}) > 1]
    digest = f"by the first characters of the digest (--spec {found[0].digest[:DIGEST_CHARACTERS]}):"
    if not by:
        return f"Choose {digest}"
    value = str(getattr(found[0], by[0])).split(",")[0]
    return f"Choose by {' or '.join(by)} (--{by[0]} {value}), or {digest}"


def fitting_specs(
    specs: Sequence[EmbeddingSpec],
    *,
    digest: str | None = None,
    fields: Mapping[str, str] | None = None,
    step: str = "`featx cache info` lists what there is.",
) -> list[EmbeddingSpec]:
    """Return the specs that match; all of them without a condition.

    Parameters
    ----------
    specs : sequence of EmbeddingSpec
    digest : str, default=None
        The first characters of the digest.
    fields : mapping of str to str, default=None
        As for `choose_spec`.
    step : str
        The next step where there are none.

    Raises
    ------
    CacheError
        If none matches.
    """
    found = [spec for spec in specs if spec.digest.startswith(digest or "")]
    for name, wanted in (fields or {}).items():
        values = {spec: str(getattr(spec, name)) for spec in found}
        fitting = [spec for spec in found if wanted in (values[spec], values[spec].split(";")[0])]
        if found and not fitting:
            known = ", ".join(sorted(set(values.values()))[:MOST_LISTED])
            raise CacheError(f"got {name}={wanted!r}; the embeddings that there are have {known}", "Name one of these.")
        found = fitting
    if not found:
        asked = "" if digest is None else f" whose digest begins with {digest!r}"
        raise CacheError(f"there are no embeddings{asked}", step)
    return found


def differences(specs: Sequence[EmbeddingSpec]) -> list[str]:
    """Return in words how each spec differs from the others; empty where it does not."""
    parts = [_parts(spec) for spec in specs]
    names = list(dict.fromkeys(name for part in parts for name in part))
    differing = [name for name in names if len({part.get(name) for part in parts}) > 1]
    # Resizing mostly follows from the image size.
    if len({(part.get("resize"), part.get(IMAGE_SIZE)) for part in parts}) == len(
        {part.get(IMAGE_SIZE) for part in parts}
    ):
        differing = [name for name in differing if name != "resize"]
    return [", ".join(f"{name} {part[name]}" for name in differing if name in part) for part in parts]


def _parts(spec: EmbeddingSpec) -> dict[str, str]:
    """Return the parts of the spec by name; preprocessing and precision are lists of parts themselves."""
    parts = {"backbone": spec.backbone, "weights": _weights(spec.weights_digest), "layer": spec.layer}
    parts["pooling"] = spec.pooling
    parts["precision"], _, rest = spec.precision.partition(";")
    for text in filter(None, (*rest.split(";"), *spec.preprocessing.split(";"))):
        name, equals, value = text.partition("=")
        parts[SHOWN_NAMES.get(name, name)] = value if equals else "yes"
    parts["revision"] = str(spec.revision)
    return parts


def _weights(digest: str) -> str:
    """Return the digest of weights, shortened; a word before it, such as "tuned", is kept."""
    return ";".join(part[:DIGEST_CHARACTERS] if len(part) == 64 else part for part in digest.split(";"))
