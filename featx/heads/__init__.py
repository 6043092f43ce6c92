"""From embeddings to classes: the classifiers with their grids, and how they are tuned and evaluated.

In: a matrix of embeddings and labels. Out: a fitted, tuned classifier, and an `EvaluationResult`.
Start with `heads` (the classifiers), then `tuned_head` (grid search inside training rows) and `nested_cv`.
"""
