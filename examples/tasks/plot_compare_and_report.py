"""
Read the report of a comparison
===============================

Two classifiers, three sizes of data set: which one is better, would more images help, and is the difference real? This
page goes through the result of `compare_strategies` and the page that `write_report` makes of it.

The data are the handwritten digits that come with scikit-learn.
"""

import featx

digits = featx.load_dataset("sample:digits")
network = featx.CNNFeatureTransformer(
    "efficientnet_lite0", layer="stage6", image_size=64
)
strategies = {
    "logistic": featx.make_strategy("frozen", network),
    "neighbours": featx.make_strategy("frozen:knn", network),
    "class means": featx.make_strategy("frozen:ncm", network),
}
result = featx.compare_strategies(
    digits, strategies, train_sizes=[60, 200, 800], test_size=0.4, repeats=1
)
result

# %%
# The verdict comes first
# -----------------------
# It is one of three. *Use* this one: the others are distinguishably worse. *Equal*: the whole interval of the
# difference lies within the margin, so take the cheaper. *Undecided*: and what would decide it.

for size in result.sizes:
    print(f"{size.n_train} images: {size.verdict.text}")
    for reason in size.verdict.reasons:
        print("   ", reason)

# %%
# Would more images help?
# -----------------------
# Each curve has a band of 95 % intervals. Behind the largest size a power law goes on to twice the images; it is marked
# as an extrapolation, because it is one.

_ = featx.plot_comparison(result)

# %%
# Is the difference real?
# -----------------------
# Pairs are tested on the same test images; ``p_adjusted`` allows for the number of pairs. After one repeat the test
# says nothing about other training images. ``repeats=5`` draws the split five times, and the test allows for that.

for pair in result.sizes[-1].pairs:
    gain = pair.difference
    print(
        f"{pair.first} against {pair.second}: {gain.value:+.1%} "
        f"({gain.low:+.1%} to {gain.high:+.1%}), p = {pair.p_adjusted:.2g}"
    )

# %%
# What is confused?
# -----------------

_ = featx.plot_comparison_confusion(result)

# %%
# Which images does one get right and the other wrong?
# ----------------------------------------------------
# Every test image has a row for each strategy, with its label, its prediction and the probability.

import pandas as pd

rows = pd.DataFrame(result.predictions())
last = rows[rows["images"] == rows["images"].max()]
right = last.assign(right=last["label"] == last["predicted"])
table = right.pivot_table(
    index=["part", "row"], columns="strategy", values="right", aggfunc="first"
)
only = table[
    table["logistic"].astype(bool) & ~table["class means"].astype(bool)
].reset_index()
print(
    f"{len(only)} test images are right by logistic regression "
    "and wrong by class means"
)
shown = only.merge(
    last[last["strategy"] == "class means"], on=["part", "row"]
)
_ = featx.plot_images(
    [digits.images[row] for row in shown["row"]],
    shown["label"],
    predictions=shown["predicted"],
    probabilities=shown["probability"],
    n_images=16,
    title="wrong by class means only",
)

# %%
# One page to send
# ----------------
# The report has all of this in one HTML file that needs no network: the answer in a sentence, the curves, matrices
# whose cells show their images, the mistakes of each strategy, and where the data and the weights are from. The command
# writes it with ``featx compare ... --report report.html``.

import os

featx.write_report(
    result, "report.html", dataset=digits, title="Digits: which head?"
)
print(f"report.html: {os.path.getsize('report.html') / 1e6:.1f} MB")
os.remove("report.html")
