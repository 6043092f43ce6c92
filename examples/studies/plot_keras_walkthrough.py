"""
The walkthrough of Keras, step by step
======================================

Keras' documentation teaches transfer learning in a fixed order: load a network without its top, augment, train a new
head on the frozen network, unfreeze the last layers and train them at a low rate, save, predict. Here is each step in
featx.

The walkthrough uses ResNet50, VGG16, MobileNetV2 or EfficientNetB0, which are ``resnet50``, ``vgg16``,
``mobilenet_v2`` and ``efficientnet_b0`` here; ``FEATX_EXAMPLES_ONLINE=1`` takes the first. Offline,
**EfficientNet-Lite0 stands in**, and 124 pieces of four photographs stand in for your folder (``FEATX_PHOTOS``). Look
at the steps: figures of so few images say little.
"""

# %%
# Step 1: the images
# ------------------
# Keras: ``image_dataset_from_directory("photos/", validation_split=0.2, ...)``. In featx a folder with one sub-folder a
# class is `load_dataset`; how it is divided is said later. The pieces are cut by :download:`photo_pieces.py`, which
# lies beside this script.

import os

import matplotlib.pyplot as plt
import torch
from photo_pieces import photo_pieces

import featx

folder = os.environ.get("FEATX_PHOTOS")
pieces = ("chelsea", "coffee", "rocket", "astronaut")
photos = (
    featx.load_dataset(folder)
    if folder
    else photo_pieces(32, photographs=pieces)
)
_ = featx.plot_images(
    photos.images, photos.labels, n_images=16, title="photographs"
)

# %%
# Step 2: augmentation
# --------------------
# Keras: ``RandomRotation``, ``RandomTranslation``, ``RandomFlip``. ``augmentation="keras"`` stands for the same: a turn
# by up to 20 degrees, a shift by up to a fifth, and a horizontal flip. Six draws of one image:

augmentation = featx.Augmentation(
    rotation=20, shift=0.2, horizontal_flip=True
)
image = torch.from_numpy(featx.read_image(photos.images[0]).copy()).permute(
    2, 0, 1
)
_, axes = plt.subplots(1, 7, figsize=(10, 1.8), layout="constrained")
axes[0].imshow(image.permute(1, 2, 0).numpy())
axes[0].set_title("as it is")
for seed, ax in enumerate(axes[1:]):
    ax.imshow(
        augmentation.apply(image, seed=seed, size=64).permute(1, 2, 0).numpy()
    )
    ax.set_title(f"draw {seed}")
for ax in axes:
    ax.set_axis_off()
plt.show()

# %%
# Step 3: the network without its top, and a new head
# ---------------------------------------------------
# Keras: ``ResNet50(include_top=False)``, ``GlobalAveragePooling2D``, ``Dense(256, "relu")``, ``Dropout(0.5)``,
# ``Dense(n, "softmax")``, ``base.trainable = False``, ``compile(Adam(1e-4))``, ``fit(epochs=10)``; then the last ten
# layers are unfrozen, ``compile(Adam(1e-5))``, ``fit(epochs=5)``. That is one classifier with these parameters:

online = os.environ.get("FEATX_EXAMPLES_ONLINE")
walkthrough = featx.CNNFineTuneClassifier(
    "resnet50" if online else "efficientnet_lite0",
    image_size=None if folder else 64,
    hidden_units=256,
    dropout=0.5,
    augmentation=augmentation,
    optimizer="adam",
    weight_decay=0,
    schedule="constant",
    # the head alone, on the frozen network
    head_init="warmup",
    warmup_epochs=10,
    warmup_learning_rate=1e-4,
    # then the last layers with it, at a low rate
    trainable_layers=10,
    learning_rate=1e-5,
    head_learning_rate=1e-5,
    epochs=5,
    validation_fraction=0.2,
)

# %%
# Step 4: train and evaluate
# --------------------------
# `finetune_model` holds out test images, which Keras' walkthrough does not. The validation images choose the epoch,
# so that their accuracy is a little too good; that of the test images is honest.

result = featx.finetune_model(photos, walkthrough, test_size=0.25)
print("trained:", ", ".join(result.trained_stages))
result

# %%
# Step 5: look at the curves
# --------------------------
# Keras: plot ``history.history``. The ten epochs of the head are on grey ground; the five of the last layers follow.

_ = featx.plot_history(result.history)

# %%
# and at what was wrong, if anything was:

held_out = result.predictions
_ = featx.plot_images(
    [photos.images[row] for row in held_out["row"]],
    held_out["label"],
    predictions=held_out["predicted"],
    probabilities=held_out["probability"],
    n_images=16,
    title="test images",
)

# %%
# Step 6: save, load, predict one image
# -------------------------------------
# Keras: ``model.save``, ``load_model``, ``load_img``, ``expand_dims``, ``preprocess_input``, ``predict``. A saved model
# of featx has its own preprocessing and the names of the classes, so that an image is all that it needs.

result.save("walkthrough.skops")
model = featx.load_model("walkthrough.skops")
one = photos.images[-1]
for label, probability in sorted(
    zip(model.classes_, model.predict_proba([one])[0], strict=True),
    key=lambda p: -p[1],
):
    print(f"{label:10} {probability:.1%}")

# %%
# Where the two differ
# --------------------
# featx prepares images as the weights were trained; ``rescale=1/255`` of older walkthroughs does not. BatchNorm keeps
# its statistics in unfrozen layers, as with Keras' ``training=False``. The best epoch is kept and not the last one.
# :doc:`/studies` lists all differences, and has the whole walkthrough as one command.

os.remove("walkthrough.skops")
