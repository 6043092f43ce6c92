"""
Ten animals: a small network from scratch, or AlexNet
=====================================================

Two ways to a classifier of ten animals: a small network that is trained from scratch on many images, and AlexNet, whose
ImageNet weights are trained further on a third as many. Both are judged on the same test images, with curves of their
training and confusion matrices.

The original study has photographs of ten animals, 1,500 of each at 100 pixels for the small network and 500 of each at
227 pixels for AlexNet. Here, **handwritten digits stand in for the animals**, ten classes too, and EfficientNet-Lite0
for AlexNet; images and trainings are small. Digits are not what ImageNet shows, so a pretrained network has less to
offer than for animals. Set ``FEATX_ANIMALS`` to a folder with a sub-folder for each animal, and
``FEATX_EXAMPLES_ONLINE=1`` to download AlexNet.
"""

import os

import featx

folder = os.environ.get("FEATX_ANIMALS")
online = os.environ.get("FEATX_EXAMPLES_ONLINE")
animals = featx.load_dataset(folder or "sample:digits")
_ = featx.plot_images(
    animals.images, animals.labels, n_images=20, title="ten classes"
)

# %%
# Two networks with settings of their own
# ---------------------------------------
# ``small_cnn`` has five blocks of convolution, BatchNorm, ReLU and max-pooling. ``scratch`` gives it random weights and
# trains all of it.

squeezed = featx.CNNFeatureTransformer(
    "small_cnn", image_size=100 if folder else 32, resize="squash"
)
cnn = featx.make_strategy(
    "scratch",
    squeezed,
    parameters={
        "epochs": 10,
        "optimizer": "sgd",
        "momentum": 0.9,
        "learning_rate": 0.01,
        "head_learning_rate": 0.01,
        "schedule": "constant",
    },
)

# %%
# The pretrained network gets a new class layer with random weights. Its pretrained layers are trained at a tenth of the
# rate of that layer.

if online:
    pretrained = featx.CNNFeatureTransformer("alexnet", image_size=227)
else:
    pretrained = featx.CNNFeatureTransformer(
        "efficientnet_lite0", image_size=64
    )
alexnet = featx.make_strategy(
    "finetuned",
    pretrained,
    parameters={
        "trainable_stages": "all" if online else 2,
        "epochs": 6,
        "optimizer": "sgd",
        "head_init": "random",
        "learning_rate": 1e-3,
        "head_learning_rate": 1e-2,
        "schedule": "constant",
        "augmentation": "none",
    },
)

# %%
# The comparison
# --------------
# A fifth of the images are test images, the same for both. ``per_class`` limits the images of a class that a strategy
# trains on.

result = featx.compare_strategies(
    animals,
    {"from scratch": cnn, "pretrained": alexnet},
    test_size=0.2,
    repeats=1,
    per_class={"from scratch": 1500, "pretrained": 500}
    if folder
    else {"from scratch": 120, "pretrained": 40},
)
result

# %%
# Curves
# ------
# By iteration: each mini-batch is a thin line, their running mean a thick one, and points are the validation images at
# the end of an epoch.

_ = featx.plot_comparison_history(result, by="iteration")

# %%
# Confusion matrices
# ------------------
# A row is a true class. Both matrices have the same test images.

_ = featx.plot_comparison_confusion(result)

# %%
# Which class is recognised best, and which worst? ``rates`` has the true positive, false negative and false positive
# rate of each class.

for strategy in result.sizes[-1].strategies:
    recall = dict(
        zip(result.classes, strategy.rates["true_positive"], strict=True)
    )
    best, worst = max(recall, key=recall.get), min(recall, key=recall.get)
    print(
        f"{strategy.strategy}, trained on {strategy.n_train} images: "
        f"{strategy.accuracy.value:.1%} of {result.n_test} right; "
        f"best {best} ({recall[best]:.0%}), worst {worst} ({recall[worst]:.0%})"
    )

# %%
# What to do with it
# ------------------
# On digits the network from scratch wins by far, with three times the images. Nothing follows for animals: ImageNet has
# hundreds of kinds of them, and no digits.
#
# The two networks differ in images, in size and in rates at once, as in the study. Such a comparison answers which of
# the two to use, and not which of the differences made it better. For that, change one setting at a time.
# :ref:`sphx_glr_gallery_studies_plot_four_cases.py` shows when pretrained weights help most.
