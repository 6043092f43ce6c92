"""
Decide at a threshold
=====================

A part with a crack that passes is worse than a good one that is looked at twice. Accuracy does not know that: it
decides at the most probable class. An operating point says what is wanted, such as to find 95 % of the cracks, and
featx chooses the probability at which an image counts as one.

Here the class to be found is the digit 8 among the other digits, from the data that come with scikit-learn.
"""

import matplotlib.pyplot as plt
import numpy as np

import featx

digits = featx.load_dataset("sample:digits")
eights = featx.ImageDataset(
    digits.images,
    digits.names,
    labels=np.where(digits.labels == "8", "crack", "good"),
)
print(
    f"{np.mean(eights.labels == 'crack'):.0%} of "
    f"{len(eights):,} images are cracks"
)

# %%
# Ask for a sensitivity
# ---------------------
# The threshold is chosen on inner folds of the training part and judged on images outside. The command is
# ``featx fit DATA --positive crack --operating-point sensitivity=0.95``.

network = featx.CNNFeatureTransformer("efficientnet_lite0", image_size=64)
result = featx.fit_model(
    eights,
    network,
    heads=["logistic"],
    positive="crack",
    operating_point="sensitivity=0.95",
    test_size=0.5,
)
point = result.evaluation.operating_point
point

# %%
# What each threshold would give
# ------------------------------
# Every held-out image has a row with its probabilities, so that both kinds of mistakes can be counted at any threshold.

rows = result.evaluation.predictions.columns()
probability, crack = rows["probability of crack"], rows["label"] == "crack"
thresholds = np.linspace(0, 1, 201)
found = np.array([np.mean(probability[crack] >= t) for t in thresholds])
alarms = np.array([np.mean(probability[~crack] >= t) for t in thresholds])

_, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(thresholds, 100 * found, label="cracks that are found")
left.plot(thresholds, 100 * alarms, label="good parts called cracks")
left.axvline(
    point.threshold,
    color="0.3",
    linestyle="--",
    label=f"threshold {point.threshold:.2f}",
)
left.axvline(0.5, color="0.7", linestyle=":", label="most probable class")
left.set(
    xlabel="probability from which it is a crack",
    ylabel="% of held-out images",
)
left.legend()
bins = np.linspace(0, 1, 31)
right.hist(probability[~crack], bins, label="good", alpha=0.7)
right.hist(probability[crack], bins, label="crack", alpha=0.7)
right.axvline(point.threshold, color="0.3", linestyle="--")
right.set(
    xlabel="probability of a crack", ylabel="held-out images", yscale="log"
)
right.legend()
plt.show()

# %%
# The model decides by it
# -----------------------
# The fitted model keeps the threshold, in its file too, and predicts by it. Probabilities are unchanged.

model = result.model
labels = model.predict(eights.images[:500])
probable = model.classes_[
    model.predict_proba(eights.images[:500]).argmax(axis=1)
]
for name, called in {
    "threshold": labels,
    "most probable class": probable,
}.items():
    print(
        f"by the {name}, {np.sum(called == 'crack')} of 500 images are cracks"
    )

# %%
# By cost instead
# ---------------
# If a missed crack costs five times a false alarm, say that. ``cost=5:1`` chooses the threshold with the lowest cost;
# ``specificity=`` and ``precision=`` are the other two. A sensitivity is kept on average over new images, and is not
# promised for each test set: look at the interval.

by_cost = featx.fit_model(
    eights,
    network,
    heads=["logistic"],
    positive="crack",
    operating_point="cost=5:1",
    test_size=0.5,
)
print(by_cost.evaluation.operating_point)
