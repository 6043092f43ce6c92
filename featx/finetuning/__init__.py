"""From images and labels to a network whose top stages, or all of it, are trained on them.

In: X, y and the settings of `CNNFineTuneClassifier`. Out: trained tensors and the curves of the training.
Start with `classifier` and `fit`; `trunk` cuts the network, `feeds` brings the batches, `training` has the epochs.
"""
