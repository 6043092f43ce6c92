"""
VGG16 without its top, flattened, into logistic regression
==========================================================

A recipe from countless notebooks: take VGG16 without its top, flatten what its last convolutional layer gives, and fit
scikit-learn's logistic regression to cats and dogs. With featx it is a `Pipeline`, so that splits, searches and
reports of scikit-learn work on images.

The notebooks use photographs of cats and dogs. Offline, **faces stand in for cats, and other pictures for dogs**: 200
small grey photographs that come with scikit-image. **EfficientNet-Lite0 stands in for VGG16**, whose weights would have
to be downloaded: ``FEATX_EXAMPLES_ONLINE=1`` does that. ``FEATX_PETS`` is a folder with a sub-folder for each class, or
with ``cat.0.jpg``, ``dog.0.jpg`` and so on.
"""

import os

import numpy as np
from skimage.data import lfw_subset
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import featx

folder = os.environ.get("FEATX_PETS")
if folder:
    pets = featx.load_dataset(folder, label_pattern=r"(?P<label>cat|dog)")
    images, labels = pets.images, pets.labels
else:
    images, labels = list(lfw_subset()), np.repeat(["face", "other"], 100)
_ = featx.plot_images(images, labels, n_images=16, title="two classes")

# %%
# The shape of the features
# -------------------------
# VGG16 turns an image of 150 pixels into a map of 4 x 4 places with 512 channels, 8,192 numbers in all. The shape does
# not depend on the weights, so that random ones show it without a download.

shape_only = featx.CNNFeatureTransformer(
    "vgg16", weights=None, pooling="flatten", image_size=150, cache=None
)
print("VGG16:", shape_only.fit_transform(images[:1]).shape)

# %%
# The pipeline
# ------------
# Random weights would classify badly, and their figures would say nothing of VGG16. From here on the network has
# ImageNet weights.

name = (
    "vgg16"
    if os.environ.get("FEATX_EXAMPLES_ONLINE")
    else "efficientnet_lite0"
)
model = make_pipeline(
    featx.CNNFeatureTransformer(name, pooling="flatten", image_size=150),
    LogisticRegression(C=0.01, max_iter=1000),
)
X_train, X_test, y_train, y_test = train_test_split(
    images, labels, test_size=0.2, stratify=labels, random_state=42
)
model.fit(X_train, y_train)
print(name, "gives", f"{model[0].embedding_dim_:,}", "features")

# %%
# The report
# ----------
# 40 test images are few: if all are right, the 95 % interval still begins at 91 %.

predicted = model.predict(X_test)
print(classification_report(y_test, predicted))
_ = featx.plot_confusion_matrix(
    confusion_matrix(y_test, predicted), model.classes_
)

# %%
# Is flattening a good idea?
# --------------------------
# Flattened features know where something is in the image, and there are many of them. The average over the places knows
# only what is there. Both are two calls away, and five folds tell more than one split. Each image goes through the
# network once for each pooling, however many folds there are.

result = featx.fit_model(
    featx.ImageDataset(
        images,
        [f"image {number}" for number in range(len(images))],
        labels=labels,
    ),
    featx.CNNFeatureTransformer(name, image_size=150),
    poolings=["flatten", "avg"],
    heads=["logistic"],
)
_ = featx.plot_evaluation(result.evaluation)
result
