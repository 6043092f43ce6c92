"""The store of embeddings in immutable HDF5 segments, built on numpy, h5py and filelock alone.

In: digests of images and the `EmbeddingSpec` of their embeddings. Out: rows of float32, float16 or the bits of
bfloat16. Start with `store` (EmbeddingCache), then `folder` (one spec), `segment` (one file) and `locks`.
"""

from ..exceptions import CacheError
from .digests import FileDigests, default_cache_dir
from .spec import EmbeddingSpec
from .store import EmbeddingCache

__all__ = ["CacheError", "EmbeddingCache", "EmbeddingSpec", "FileDigests", "default_cache_dir"]

# Pickles name them by the package, which finds them wherever their modules are moved to.
for _kind in (EmbeddingCache, EmbeddingSpec, FileDigests):
    _kind.__module__ = __name__
