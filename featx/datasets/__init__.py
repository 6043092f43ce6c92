"""Data sets: from a folder of classes, a manifest or a sample to images with labels, groups and the rows of a split.

In: what a user has on disk. Out: an `ImageDataset`, surveyed for leakage, and the rows to train on and to test on.
Start with `load`; `image_folders` and `manifests` list the two kinds, `survey` checks what was read, `split` parts it.
"""
