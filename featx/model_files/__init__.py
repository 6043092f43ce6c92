"""Model files: save a fitted model to one .skops file, and load it without trusting the file.

In: a fitted pipeline or estimator, or a file. Out: the file, without weights that are kept elsewhere; or the model,
once everything in the file is known to be harmless.
Start with `persistence`; `trusted_types` lists what a file may hold.
"""
