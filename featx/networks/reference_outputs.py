"""Compare a custom module's outputs for two fixed images with those stored beside cached rows, before rows are used.

The digest of a module may not see everything that it computes with. So its outputs for the two images are stored with
the rows of each spec. A process that is about to use rows of another one first compares its own outputs with them. If
they differ, the rows are left alone, and those of this process are kept in memory.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree

from ..cache import EmbeddingCache, EmbeddingSpec
from ..cache.memory import MemoryStore, OverlayStore, Store
from ..exceptions import BackboneError
from ..images.preprocessing import Preprocessing
from ..process import remember
from ..torch_modules.copies import light_copy, undisturbed
from ..torch_modules.output_parts import plain_values
from .backbone import BackboneSource
from .device import image_dtype
from .pooling import View
from .precision import photographs

__all__ = ["fixed_images", "outputs_agree", "reference_outputs", "store_to_read", "store_to_write"]

log = logging.getLogger("featx")
# How far outputs may be apart, relative to the largest value: processors and numbers of threads differ by less.
TOLERANCE = 1e-3
MAX_VALUES = 1 << 17
MAX_OUTPUTS = 16

_outputs: dict[tuple[Any, ...], np.ndarray] = remember("networks", {})
# In this process: specs of the cache whose rows are verified, and stores of networks whose rows are not in the cache.
_verified: set[tuple[str, str, str]] = remember("networks", set())
_private: dict[tuple[str, str, str], MemoryStore] = remember("networks", {})


@functools.lru_cache(maxsize=4)
def fixed_images(side: int) -> Tensor:
    """Return the centre of a photograph, and noise, always the same: uint8 (2, 3, side, side)."""
    photo = photographs()[0]
    missing = [max(0, side - length) for length in photo.shape[:2]]
    photo = np.pad(photo, [(n // 2, n - n // 2) for n in missing] + [(0, 0)], mode="symmetric")
    top, left = ((length - side) // 2 for length in photo.shape[:2])
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    both = np.stack([photo[top : top + side, left : left + side], noise])
    return torch.from_numpy(both.transpose(0, 3, 1, 2).copy())


def reference_outputs(
    module: nn.Module, preprocessing: Preprocessing, *, itself: Sequence[nn.Module] = ()
) -> np.ndarray:
    """Return a module's outputs for the two images in float32, all tensors in one row; the module is left as it was.

    Parameters
    ----------
    module : nn.Module
    preprocessing : Preprocessing
    itself : sequence of nn.Module, default=()
        If given, the module itself is run, and not a copy; these modules are in evaluation mode meanwhile.

    Raises
    ------
    BackboneError
        If it fails.
    """
    place = next((t.device for t in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    images = preprocessing.normalise(fixed_images(preprocessing.crop).to(place)).to(image_dtype(module))
    devices = [place] if place.type == "cuda" else []
    try:
        with (
            torch.inference_mode(),
            torch.random.fork_rng(devices=devices),
            torch.backends.cudnn.flags(allow_tf32=False),
        ):
            torch.manual_seed(0)
            if itself:
                with undisturbed(*itself):
                    output = module(images)
            else:
                output = light_copy(module)(images)
    except Exception as error:  # it is the user's code
        raise BackboneError(f"{type(module).__name__} fails on two images: {error}") from error
    found = [plain_values(leaf.detach()) for leaf in _pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    values = torch.cat([torch.zeros(0), *found]).numpy()
    return values[:: -(-len(values) // MAX_VALUES) or 1].copy()


def outputs_agree(kept: np.ndarray, given: np.ndarray) -> bool:
    """Tell whether two outputs can be those of one network."""
    if kept.shape != given.shape or not np.array_equal(np.isfinite(kept), np.isfinite(given)):
        return False
    finite = np.isfinite(kept)
    if not finite.any():
        return True
    difference = np.abs(kept[finite].astype(np.float64) - given[finite])
    return bool(difference.max() <= TOLERANCE * np.abs(kept[finite]).max())


def store_to_read(store: Store, source: BackboneSource, specs: Sequence[EmbeddingSpec]) -> Store:
    """Return the store to read a network's rows from: the given one, or memory if the rows there are another network's.

    Networks given by name are not checked.

    Parameters
    ----------
    store : Store
    source : BackboneSource
    specs : sequence of EmbeddingSpec
        Of its views.
    """
    cache = store.cache if isinstance(store, OverlayStore) else store
    if not source.is_custom or not isinstance(cache, EmbeddingCache):
        return store
    network = _network(cache, source)
    for spec in specs:
        if network in _private:
            return _private[network]
        # Look for rows before the outputs, which are written first.
        kept = cache.reference_outputs(spec)
        if _place(network, spec) in _verified or not kept.has_rows():
            continue
        outputs = kept.load()
        if outputs is not None and outputs_agree(outputs, _outputs_of(source, spec)):
            _verified.add(_place(network, spec))
        elif outputs is None and cache.writable():
            kept.set_rows_aside("it is unknown whether they are this network's: its outputs for fixed images are lost")
        else:
            _keep_private(network, cache, source, "the stored ones are lost" if outputs is None else "they differ")
    return _private.get(network, store)


def store_to_write(store: Store, source: BackboneSource, specs: Sequence[EmbeddingSpec]) -> Store:
    """Return the store to write a network's rows to; its outputs are stored in the cache first, or compared with those.

    Parameters
    ----------
    store, source, specs
        As for `store_to_read`.
    """
    if not source.is_custom or not isinstance(store, EmbeddingCache):
        return store
    network = _network(store, source)
    for spec in specs:
        if network in _private:
            return _private[network]
        kept = store.reference_outputs(spec)
        if _place(network, spec) in _verified and kept.path.exists():
            continue
        own = _outputs_of(source, spec)
        if outputs_agree(kept.keep(own), own):
            _verified.add(_place(network, spec))
        else:
            _keep_private(network, store, source, "they differ")
    return _private.get(network, store)


def _network(cache: EmbeddingCache, source: BackboneSource) -> tuple[str, str, str]:
    return str(cache.root), source.weights_digest, source.content


def _place(network: tuple[str, str, str], spec: EmbeddingSpec) -> tuple[str, str, str]:
    return network[0], spec.digest, network[2]


def _keep_private(network: tuple[str, str, str], cache: EmbeddingCache, source: BackboneSource, why: str) -> None:
    _private[network] = MemoryStore()
    log.warning(
        "the embeddings of %s in %s are not used: its outputs for two fixed images were compared with those stored "
        "when they were computed, and %s. Embeddings that are computed now stay in the memory of this process. "
        "Something that the network's digest does not see has changed: name its code with cache_key='...', and choose "
        "another key whenever it changes.",
        source.name,
        cache.root,
        why,
    )


def _outputs_of(source: BackboneSource, spec: EmbeddingSpec) -> np.ndarray:
    """Return a network's outputs, or the embeddings of the two images if the network fails as a whole."""
    preprocessing = source.preprocessing
    key: tuple[Any, ...] = (
        source.weights_digest,
        source.content,
        preprocessing.crop,
        preprocessing.mean,
        preprocessing.std,
    )
    view: View = spec.layer, spec.pooling
    for known in (key, (*key, view)):
        if known in _outputs:
            return _outputs[known]
    try:
        found = reference_outputs(source.build(), preprocessing)
    except BackboneError:
        key = (*key, view)
        network = source.load("cpu")
        found = network.embed(fixed_images(preprocessing.crop), [view], preprocessing=preprocessing)[0].float().numpy()
    _outputs[key] = found
    while len(_outputs) > MAX_OUTPUTS:
        del _outputs[next(iter(_outputs))]
    return found
