"""Choose the store of a custom module's rows: the given one, or memory if the rows there are another network's.

The digest of a module may not see everything that it computes with. So its outputs for two fixed images are stored with
the rows of each spec. A process that is about to use rows of another one first compares its own outputs with them. If
they differ, the rows are left alone, and those of this process are kept in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from ..cache import EmbeddingSpec
from ..cache.interface import EmbeddingStore
from ..cache.memory import MemoryStore
from ..cache.reference_outputs import outputs_agree
from ..process import remember
from .backbone import BackboneSource

__all__ = ["store_to_read", "store_to_write"]

log = logging.getLogger("featx")
# In this process: specs of the cache whose rows are verified, and stores of networks whose rows are not in the cache.
_verified: set[tuple[str, str, str]] = remember("networks", set())
_private: dict[tuple[str, str, str], MemoryStore] = remember("networks", {})


def store_to_read(store: EmbeddingStore, source: BackboneSource, specs: Sequence[EmbeddingSpec]) -> EmbeddingStore:
    """Return the store to read a network's rows from: the given one, or memory if the rows there are another network's.

    Networks given by name are not checked.

    Parameters
    ----------
    store : EmbeddingStore
    source : BackboneSource
    specs : sequence of EmbeddingSpec
        Of its views.
    """
    network = _network(store, source)
    for spec in specs if source.is_custom else []:
        if network in _private:
            return _private[network]
        # Look for rows before the outputs, which are written first.
        kept = store.reference_outputs(spec)
        if kept is None or _place(network, spec) in _verified or not kept.has_rows():
            continue
        outputs = kept.load()
        if outputs is not None and outputs_agree(outputs, _outputs_of(source, spec)):
            _verified.add(_place(network, spec))
        elif outputs is None and store.writable():
            kept.set_rows_aside("it is unknown whether they are this network's: its outputs for fixed images are lost")
        else:
            _keep_private(network, source, "the stored ones are lost" if outputs is None else "they differ")
    return _private.get(network, store)


def store_to_write(store: EmbeddingStore, source: BackboneSource, specs: Sequence[EmbeddingSpec]) -> EmbeddingStore:
    """Return the store to write a network's rows to; its outputs are stored in the cache first, or compared with those.

    Parameters
    ----------
    store, source, specs
        As for `store_to_read`.
    """
    network = _network(store, source)
    for spec in specs if source.is_custom and store.is_shared else []:
        if network in _private:
            return _private[network]
        kept = store.reference_outputs(spec)
        if kept is None or (_place(network, spec) in _verified and kept.path.exists()):
            continue
        own = _outputs_of(source, spec)
        if outputs_agree(kept.keep(own), own):
            _verified.add(_place(network, spec))
        else:
            _keep_private(network, source, "they differ")
    return _private.get(network, store)


def _outputs_of(source: BackboneSource, spec: EmbeddingSpec) -> np.ndarray:
    from .reference_outputs import outputs_of  # not at the top: for networks given by name nothing is computed

    return outputs_of(source, spec)


def _network(store: EmbeddingStore, source: BackboneSource) -> tuple[str, str, str]:
    return str(store.root), source.weights_digest, source.content


def _place(network: tuple[str, str, str], spec: EmbeddingSpec) -> tuple[str, str, str]:
    return network[0], spec.digest, network[2]


def _keep_private(network: tuple[str, str, str], source: BackboneSource, why: str) -> None:
    _private[network] = MemoryStore()
    log.warning(
        "the embeddings of %s in %s are not used: its outputs for two fixed images were compared with those stored "
        "when they were computed, and %s. Embeddings that are computed now stay in the memory of this process. "
        "Something that the network's digest does not see has changed: name its code with cache_key='...', and choose "
        "another key whenever it changes.",
        source.name,
        network[0],
        why,
    )
