"""From a folder of classes, a manifest or a sample's name to images with labels, groups and a split.

In: what a user has on disk. Out: an `ImageDataset`, looked over, and the rows of its parts.
Start with `dataset`; `image_folders` and `manifests` read the two kinds, `survey` checks what was read.
"""
