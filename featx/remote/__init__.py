"""A cache carried between machines through any store that fsspec opens: push and pull, without a common disk.

In: an `EmbeddingCache` and a URL. Out: immutable objects there, or verified segments here. Start with `push_index`,
which says what an upload consists of, then `push` and `pull`; `object_store` is all that knows of fsspec.
"""
