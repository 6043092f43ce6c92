"""
Images as a column of a table
=============================

Images often come with numbers and categories. `CNNFeatureTransformer` takes a column of images in scikit-learn's
``ColumnTransformer``, and a search over the whole pipeline forwards each image once.

The table is made here: 300 handwritten digits that come with scikit-learn, each with the pen that wrote it and the
seconds that it took. The task is whether a digit is even. The two columns beside the image are drawn at random, one of
them so that it tells a little about the answer; **they are made up**, so their gain means nothing beyond this page.
"""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import featx

digits = featx.load_dataset("sample:digits").take(np.arange(300))
even = np.array([int(label) % 2 == 0 for label in digits.labels])
rng = np.random.default_rng(0)
table = pd.DataFrame(
    {
        "scan": digits.images,
        "pen": rng.choice(["ball", "felt", "pencil"], 300),
        "seconds": rng.normal(np.where(even, 1.2, 0.9), 0.3).round(2),
    }
)
table.drop(columns="scan").head()

# %%
# One pipeline for all columns
# ----------------------------
# The image column is named by text, ``"scan"``, the others by lists. ``prefetch`` names both layers that the search
# will ask for, so that one pass of the network computes them.

network = featx.CNNFeatureTransformer(
    image_size=64, prefetch=[("stage5", "avg"), ("stage6", "avg")]
)
scan = ("scan", make_pipeline(network, StandardScaler()), "scan")
pen = ("pen", OneHotEncoder(sparse_output=False), ["pen"])
seconds = ("seconds", StandardScaler(), ["seconds"])
model = make_pipeline(
    ColumnTransformer([scan, pen, seconds]), LogisticRegression(max_iter=2000)
)
model

# %%
# A search over the layer and the head
# ------------------------------------
# Two layers and three values of C in four folds are 24 fits, each of which asks for the embeddings of its rows. They
# are computed once for each image.

layer = "columntransformer__scan__cnnfeaturetransformer__layer"
grid = {
    layer: ["stage5", "stage6"],
    "logisticregression__C": [0.001, 0.01, 0.1],
}
folds = StratifiedKFold(4, shuffle=True, random_state=0)
search = GridSearchCV(model, grid, cv=folds).fit(table, even)
print(search.best_params_)

# %%
# Which columns are worth having?
# -------------------------------
# The same model, without one column or another. Folds are the same for all.

import matplotlib.pyplot as plt

chosen = search.best_estimator_
scores = {}
for name, columns in {
    "all columns": [scan, pen, seconds],
    "without pen": [scan, seconds],
    "without seconds": [scan, pen],
    "without the image": [pen, seconds],
}.items():
    one = make_pipeline(ColumnTransformer(columns), chosen[-1])
    if scan in columns:
        one.set_params(**{layer: search.best_params_[layer]})
    scores[name] = 100 * cross_val_score(one, table, even, cv=folds)

_, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for place, values in enumerate(reversed(scores.values())):
    ax.plot(values, [place] * len(values), "o", color="0.6")
    ax.plot(values.mean(), place, "D", color="tab:blue")
ax.set_yticks(range(len(scores)), list(reversed(scores)))
ax.set(xlabel="accuracy (%): four folds in grey, their mean in blue")
plt.show()

# %%
# The seconds alone tell something. Beside the image they add nothing that can be seen here: one column among hundreds,
# all shrunk alike by the penalty of the head. A column that is known to matter may be given more weight by
# ``transformer_weights`` of the ``ColumnTransformer``, and whether that helps is one more entry of the grid.

# %%
# Names of the columns
# --------------------
# The embeddings have names, and so a frame as output:

columns = ColumnTransformer([scan, pen, seconds]).set_output(
    transform="pandas"
)
columns.fit_transform(table).iloc[:3, [0, 1, -2, -1]]
