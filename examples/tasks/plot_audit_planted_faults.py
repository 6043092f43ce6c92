"""
Find planted faults in a data set
=================================

Wrong labels, copies and blank images make a test look better or worse than it is. `audit_dataset` looks for them. Does
it find them? Here faults are planted in a data set, so that the answer is known.

The data are 600 handwritten digits that come with scikit-learn, enlarged to 32 pixels: of images of fewer than 12
pixels only exact copies are looked for.
"""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import zoom

import featx

digits = featx.load_dataset("sample:digits").take(np.arange(600))
images, labels = (
    [zoom(image, 4, order=1) for image in digits.images],
    digits.labels.copy(),
)
rng = np.random.default_rng(0)
rows = rng.permutation(len(images))

# %%
# Plant the faults
# ----------------
# Twelve labels are replaced by another class, twelve images come back with less contrast, and three are blank.

wrong, twice, blank = rows[:12], rows[12:24], rows[24:27]
for row in wrong:
    labels[row] = rng.choice(
        [label for label in digits.classes if label != labels[row]]
    )
for row in blank:
    images[row] = np.zeros_like(images[row])
images += [(0.8 * images[row] + 40).astype(np.uint8) for row in twice]
labels = np.concatenate([labels, labels[twice]])
names = [f"scan {number:03}" for number in range(len(images))]
spoiled = dataclasses.replace(
    digits, images=images, names=names, labels=labels
)

# %%
# Look for them
# -------------
# One pass of the images through the network serves all checks. The command is ``featx audit FOLDER``.

network = featx.CNNFeatureTransformer(
    "efficientnet_lite0", layer="stage6", image_size=64
)
found = featx.audit_dataset(spoiled, network)
found

# %%
# Wrong labels
# ------------
# A label is suspected where models that have not seen the image are sure of another class. Suspects are images to look
# at, not to delete: the surest come first.

suspects = [one.row for one in found.suspects]
print(
    f"{len(set(wrong) & set(suspects))} of {len(wrong)} planted labels "
    f"are among {len(suspects)} suspects"
)
figure, axes = plt.subplots(2, 8, figsize=(10, 3.4), layout="constrained")
for ax in axes.flat:
    ax.set_axis_off()
for ax, one in zip(axes.flat, found.suspects, strict=False):
    ax.imshow(images[one.row], cmap="gray_r")
    planted = "planted" if one.row in wrong else "as it came"
    ax.set_title(
        f"labelled {one.label}\nlooks like {one.suggested}\n{planted}",
        fontsize=8,
    )
plt.show()

# %%
# Copies
# ------
# A near-duplicate is the same picture in other bytes: saved again, scaled, mirrored, cut, or of another brightness.
# Pictures that are much alike but differ in detail are listed apart, as ``similar``. Digits that were enlarged from 64
# pixels have little detail, so that some copies are missed; photographs have more.

planted = {(int(row), 600 + number) for number, row in enumerate(twice)}
pairs = {(pair.first, pair.second) for pair in found.pairs}
of_blank = {pair for pair in pairs if set(pair) <= set(blank)}
print(f"{len(planted & pairs)} of {len(planted)} planted copies are found")
print(f"{len(of_blank)} pairs are of blank images")
print(f"{len(pairs - planted - of_blank)} other pairs")

# %%
# Such pairs belong on one side of every split. ``found.groups`` has a group for each image, and so has the manifest
# that ``found.write_groups("groups.csv")`` writes for images that are files:

grouped = dataclasses.replace(spoiled, groups=found.groups)
print(f"{len(set(found.groups))} groups of {len(grouped)} images")

# %%
# Odd images
# ----------
# Blank, tiny, dark and oddly shaped images, and those that are far from all others of their class:

for one in found.odd:
    planted = " (planted)" if one.row in blank else ""
    print(f"{names[one.row]}: {one.kind}, {one.text}{planted}")

# %%
# What the faults cost
# --------------------
# Where copies lie in both parts of a split, accuracy with them is compared with accuracy without.

for cost in found.costs:
    print(f"{cost.what}: {cost.before:.1%} before, {cost.after:.1%} after")
for note in found.notes:
    print("-", note)
