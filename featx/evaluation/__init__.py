"""Which rows train and which judge, which figures are given, and how sure they are; on arrays, without images.

In: labels, groups and predictions. Out: folds, metrics with 95 % intervals, p-values of paired differences.
Start with `splits`, `metrics` and `intervals`.
"""
