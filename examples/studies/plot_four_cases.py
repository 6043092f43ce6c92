"""
The four cases of transfer learning
===================================

Stanford's course CS231n sorts data sets by two questions. Are there many images or few? Are they like those that the
network was trained on or not? Each of the four cases has its advice (`notes on transfer learning
<https://cs231n.github.io/transfer-learning/>`_):

========  =========================================  ==========================================
..        similar images                             different images
========  =========================================  ==========================================
small     a linear classifier on the last features   one on features of an earlier stage
large     fine-tune the whole network                fine-tune it, or train from scratch
========  =========================================  ==========================================

How do you know which case your data are? `compare_strategies` measures it: images are *different* if features of an
earlier stage are better than those of the last one. A hundred images a class count as *large*, which is a convention.

Here, pieces of photographs (:download:`photo_pieces.py`) stand for similar images and handwritten digits for different
ones, both at 64 pixels; small is 12 images a class. For your own images, pass `load_dataset` of your folder.
"""

import matplotlib.pyplot as plt
import numpy as np
from photo_pieces import photo_pieces

import featx

network = featx.CNNFeatureTransformer("efficientnet_lite0", image_size=64)
digits = featx.load_dataset("sample:digits")
data = {
    "pieces of photographs": photo_pieces(40),
    "handwritten digits": digits,
}
figure, axes = plt.subplots(2, 8, figsize=(10, 2.8), layout="constrained")
for row, dataset in zip(axes, data.values(), strict=True):
    for ax, label in zip(row, dataset.classes, strict=False):
        ax.imshow(
            dataset.images[np.flatnonzero(dataset.labels == label)[0]],
            cmap="gray",
        )
        ax.set_title(label, fontsize=9)
        ax.set_axis_off()

# %%
# Similar or different?
# ---------------------
# Early, middle and last stages are tried as frozen features. ``transfer`` asks for that; two frozen strategies are
# compared beside it, one on the last stage and one on an earlier one.

strategies = {
    "last stage": featx.make_strategy("frozen", network),
    "earlier stage": featx.make_strategy("frozen@stage5", network),
}
results = {}
for name, dataset in data.items():
    few = 12 * len(dataset.classes)
    results[name] = featx.compare_strategies(
        dataset,
        strategies,
        train_sizes=[few],
        test_size=0.5,
        repeats=1,
        transfer=network,
    )
    print(f"{name}: {results[name].cases[0].text}")

# %%
# The stages
# ----------
# Accuracy of logistic regression on each stage, cross-validated on training images. Where the line falls towards the
# last stage, the network has thrown away what these images need. With 12 images a class the intervals are wide, and it
# may stay undecided whether images are similar or different.

_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, result in results.items():
    stages = result.stages.stages
    values = (
        np.array(
            [
                (s.accuracy.value, s.accuracy.low, s.accuracy.high)
                for s in stages
            ]
        )
        * 100
    )
    places = np.arange(len(stages))
    ax.plot(places, values[:, 0], marker="o", label=name)
    ax.fill_between(places, values[:, 1], values[:, 2], alpha=0.2)
ax.set_xticks(places, [f"{s.layer}\n{s.pooling}" for s in stages])
ax.set(xlabel="stage", ylabel="accuracy (%), 95 % interval")
ax.legend()
plt.show()

# %%
# Few images and many
# -------------------
# With 12 images of each digit, and with a hundred: the same frozen features, a network whose last stage is trained, and
# a small network from scratch.

trained = {
    **strategies,
    "finetuned": featx.make_strategy(
        "finetuned",
        network,
        parameters={
            "trainable_stages": 1,
            "learning_rate": 3e-4,
            "epochs": 3,
            "augmentation": "none",
        },
    ),
    "scratch": featx.make_strategy(
        "scratch",
        featx.CNNFeatureTransformer("small_cnn", image_size=32),
        parameters={"epochs": 8, "augmentation": "none"},
    ),
}
curve = featx.compare_strategies(
    digits,
    trained,
    train_sizes=[120, 1000],
    test_size=0.25,
    repeats=1,
    transfer=network,
)
_ = featx.plot_comparison(curve)
for size, case in zip(curve.sizes, curve.cases, strict=True):
    print(case.text)
    print("  verdict:", size.verdict.text)

# %%
# Rules and measurements
# ----------------------
# The output says whether the comparison agrees with the rule of the notes, disagrees or cannot tell. Where they
# disagree, believe the comparison: it is of your images. Published gains of fine-tuning a ResNet-50 over a frozen one
# (Grill et al. 2020, `arXiv:2006.07733 <https://arxiv.org/abs/2006.07733>`_, table 3, the supervised rows) show how far
# data sets lie apart:

published = {
    "Caltech-101": (94.5, 93.3),
    "DTD": (74.9, 74.6),
    "Pets": (91.5, 92.1),
    "SUN397": (61.9, 64.3),
    "Flowers": (94.7, 97.6),
    "CIFAR-10": (93.6, 97.5),
    "CIFAR-100": (78.3, 86.4),
    "Food-101": (72.3, 88.3),
    "Birdsnap": (53.7, 75.8),
    "Aircraft": (61.0, 86.0),
    "Cars": (66.7, 92.1),
}
_, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for place, (frozen, tuned) in enumerate(published.values()):
    ax.annotate(
        "",
        (tuned, place),
        (frozen, place),
        arrowprops={"arrowstyle": "->", "color": "0.4", "lw": 1.5},
    )
    ax.plot(
        frozen,
        place,
        "o",
        color="tab:blue",
        label="frozen, linear classifier" if not place else None,
    )
    ax.plot(
        tuned,
        place,
        "s",
        color="tab:orange",
        label="fine-tuned" if not place else None,
    )
ax.set_yticks(range(len(published)), published)
ax.set(xlabel="accuracy (%) as published, ResNet-50", xlim=(50, 100))
ax.legend(loc="lower left")
plt.show()
