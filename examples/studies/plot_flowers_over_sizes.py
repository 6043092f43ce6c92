"""
102 kinds of flowers, three sizes of data set
=============================================

Is a new classifier on a frozen network enough, or should the top of the network be trained too? And how does the answer
change with the number of images?

The study trains on three sizes of a data set of 102 kinds of flowers. On each it compares a frozen network under a new
softmax with a network whose last stages are trained. The head is trained first, before any stage is unfrozen: the large
gradients of a random head would damage the pretrained stages.

The original data are the Oxford flowers (Nilsback and Zisserman, 2008), 8,189 photographs. They cannot be had offline.
Drawn flowers of 102 kinds, ten of each, stand in for them here, at 64 pixels. **The figures below are those of the
drawings.** To redo the study itself, set ``FEATX_FLOWERS`` to the folder with ``jpg/``, ``imagelabels.mat`` and
``setid.mat``, and raise ``IMAGE_SIZE`` and the epochs.
"""

# %%
# The data
# --------
# `load_dataset` reads the folder of the flowers as it is downloaded. The drawings are made by
# :download:`drawn_flowers.py`, which lies beside this script.

import os

import matplotlib.pyplot as plt
from drawn_flowers import drawn_flowers

import featx

IMAGE_SIZE = 64
folder = os.environ.get("FEATX_FLOWERS")
flowers = (
    featx.load_dataset(folder)
    if folder
    else drawn_flowers(102, 10, pixels=IMAGE_SIZE)
)
print(f"{len(flowers):,} images of {len(flowers.classes)} kinds")

_ = featx.plot_images(
    flowers.images, flowers.labels, n_images=24, title="flowers"
)

# %%
# Two ways to train
# -----------------
# `make_strategy` gives both as classifiers of images. ``softmax`` trains no stage of the network
# (``trainable_stages=0``): its features go into a softmax that begins with random weights. ``finetuned`` warms its head
# up on the frozen network and then trains the last two stages together with it, the stages at a lower rate.

network = featx.CNNFeatureTransformer(
    "efficientnet_lite0", image_size=IMAGE_SIZE
)
softmax = featx.make_strategy(
    "finetuned",
    network,
    parameters={
        "trainable_stages": 0,
        "head_init": "random",
        "head_learning_rate": 3e-3,
        "epochs": 15,
        "augmentation": "none",
    },
)
finetuned = featx.make_strategy(
    "finetuned",
    network,
    parameters={
        "trainable_stages": 2,
        "head_init": "warmup",
        "warmup_epochs": 10,
        "learning_rate": 3e-4,
        "epochs": 4,
        "augmentation": "none",
    },
)

# %%
# Three sizes
# -----------
# Each size is the percentage of all images to train on, to validate with and to test on. All parts are stratified, and
# the training images of a smaller size are among those of the larger ones.

sizes = {"large": (60, 10, 30), "medium": (40, 10, 50), "small": (20, 10, 70)}
result = featx.compare_strategies(
    flowers,
    {"softmax": softmax, "finetuned": finetuned},
    sizes=sizes,
    repeats=1,
)
for counts in result.counts:
    print(
        f"{counts.name}: {counts.train} images to train, "
        f"{counts.validation} to validate, {counts.test} to test"
    )
result

# %%
# The verdict of each size weighs what may plausibly be lost against what training costs:

for size in result.sizes:
    print(f"{size.name}: {size.verdict.text}")

# %%
# Accuracy against the number of images
# -------------------------------------
# Bands are 95 % intervals. Each size has test images of its own, so nothing is extrapolated.

_ = featx.plot_comparison(result)

# %%
# How the networks were trained
# -----------------------------
# On the grey ground only the head is trained; behind it, the last two stages are trained with it. Every strategy keeps
# the weights of its best epoch by the validation images, which may be the end of the warm-up.

_ = featx.plot_comparison_history(result)
plt.show()

# %%
# What to compare with
# --------------------
# Published for the photographs of Oxford's flowers, with a ResNet-50 that was trained on ImageNet: 94.7 % with logistic
# regression on frozen features, 97.6 % fine-tuned, 92.0 % from scratch, as mean accuracy of the classes (Grill et al.
# 2020, `arXiv:2006.07733 <https://arxiv.org/abs/2006.07733>`_, table 3, the supervised rows). Drawings have neither
# the variety of photographs nor their likeness to ImageNet, so the figures above say nothing about these.
