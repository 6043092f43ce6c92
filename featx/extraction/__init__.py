"""From images to embeddings, each computed once and kept in the cache.

In: images and a `BackboneSource`. Out: rows of float32 in input order, with times and the images that could not be
read. Start with `transformer`, the scikit-learn estimator, then `extract` (look up, forward what is missing, gather).
`distribute` has workers of joblib forward: `shares` is what they are sent, `share_worker` what they do.
"""
