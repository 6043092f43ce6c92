"""
Near-duplicates and groups
==========================

Four photographs of one object are not four objects. If some are trained on and others tested on, the classifier only
has to know them again, and the accuracy is too good. Groups keep such images on one side of every split.

Here 100 handwritten digits that come with scikit-learn are each scanned four times: moved by a fraction of a pixel,
turned a little, with other noise.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import rotate, shift, zoom

import featx

digits = featx.load_dataset("sample:digits").take(np.arange(100))
rng = np.random.default_rng(0)


def scan(image):
    """Return one more scan of a digit, of 24 x 24 pixels."""
    turned = rotate(
        zoom(image / 255, 3, order=1),
        rng.uniform(-6, 6),
        reshape=False,
        order=1,
    )
    moved = shift(turned, rng.uniform(-1, 1, 2), order=1)
    return np.clip(moved + rng.normal(0, 0.05, moved.shape), 0, 1)


images = [scan(image) for image in digits.images for _ in range(4)]
labels = np.repeat(digits.labels, 4)
sheet = np.repeat([f"sheet {number:03}" for number in range(100)], 4)
names = [f"{name}/scan {number % 4}.png" for number, name in enumerate(sheet)]

figure, axes = plt.subplots(2, 8, figsize=(10, 2.8), layout="constrained")
for number, ax in enumerate(axes.flat):
    ax.imshow(images[number], cmap="gray_r")
    ax.set_title(sheet[number], fontsize=8)
    ax.set_axis_off()
plt.show()

# %%
# With and without groups
# -----------------------
# The data are the same; one of the two says which images are of one sheet. In a manifest that is the column ``group``.

plain = featx.ImageDataset(images, names, labels=labels)
grouped = featx.ImageDataset(images, names, labels=labels, groups=sheet)
network = featx.CNNFeatureTransformer("efficientnet_lite0", image_size=64)
accuracy = {}
for name, dataset in {
    "without groups": plain,
    "with groups": grouped,
}.items():
    result = featx.fit_model(dataset, network, heads=["logistic", "knn"])
    for candidate in result.evaluation.candidates:
        accuracy[candidate.head, name] = candidate.metrics["accuracy"]

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
accuracy = dict(sorted(accuracy.items(), reverse=True))
for place, ((_, name), one) in enumerate(accuracy.items()):
    colour = "tab:red" if name.startswith("without") else "tab:blue"
    ax.plot([100 * one.low, 100 * one.high], [place, place], color=colour)
    ax.plot(100 * one.value, place, "o", color=colour)
ax.set_yticks(
    range(len(accuracy)), [f"{head}, {name}" for head, name in accuracy]
)
ax.invert_yaxis()
ax.set(xlabel="accuracy (%), 95 % interval")
plt.show()

# %%
# The images are the same and so are the heads. Without groups, figures are those of sheets that were seen in training.
# With groups they are those of new sheets, which is what the classifier will meet. The interval is wider with groups,
# too: there are 100 sheets, not 400 independent images.

for (head, name), one in accuracy.items():
    print(
        f"{head}, {name}: {one.value:.1%} ({one.low:.1%} to {one.high:.1%})"
    )

# %%
# When nobody knows the groups
# ----------------------------
# Often the data do not say which images belong together. `audit_dataset` finds copies that were saved again, scaled,
# mirrored, cut or brightened, and lists pictures that are much alike apart, to look at:

found = featx.audit_dataset(plain, network)
together = [
    pair
    for pair in found.pairs + found.similar
    if sheet[pair.first] == sheet[pair.second]
]
print(
    f"{len(found.pairs)} near-duplicates, {len(found.similar)} similar pictures; "
    f"{len(together)} are of one sheet"
)

# %%
# ``found.groups`` can be the groups of the next fit. But another scan of one sheet is *similar* at best, and may not be
# found at all, as here: moved, turned and noisy, it is no copy. A camera, a patient or a sheet is known by whoever took
# the images, and should be written down then.
