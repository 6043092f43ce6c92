"""From images to embeddings, each computed once and kept in the cache.

In: images and a `BackboneSource`. Out: rows of float32 in input order, with times and what could not be read.
Start with `transformer`, scikit-learn's face of it, then `extract` (look up, forward what is missing, gather).
"""
