"""Digests of images go in, their embeddings come out: the HDF5 store, on numpy and h5py alone."""

from ..exceptions import CacheError
from .digests import FileDigests, default_cache_dir
from .spec import EmbeddingSpec
from .store import EmbeddingCache

__all__ = ["CacheError", "EmbeddingCache", "EmbeddingSpec", "FileDigests", "default_cache_dir"]
