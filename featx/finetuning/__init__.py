"""Fine-tuning: train the top stages of a network, or all of it, on labelled images.

In: X, y and the settings of `CNNFineTuneClassifier`. Out: trained tensors and the curves of the training.
Start with `classifier` and `fit`; `cut_graph` chooses the stages to train, `trunk` cuts the network below them, `feeds`
yields the batches, `warm_up` trains the head alone, `training` runs the epochs.
"""
