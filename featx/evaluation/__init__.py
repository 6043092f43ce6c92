"""Which rows train and which test, which metrics are computed, and how certain they are; on arrays, without images.

In: labels, groups and predictions. Out: folds, metrics with 95 % intervals, p-values of paired differences.
Start with `splits`, `metrics` and `intervals`.
"""
