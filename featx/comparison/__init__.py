"""Strategies compared on the same rows: frozen features, fine-tuning, training from scratch.

In: an `ImageDataset` and names of strategies. Out: a `ComparisonResult` with paired differences, costs and a verdict.
Start with `compare`, then `design` and `repeats` (which rows), `runs` (which runs) and `summary` (which figures).
"""
