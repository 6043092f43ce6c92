"""Cut pieces out of the photographs of scikit-image: the stand-in for a folder of photographs."""

import numpy as np
from skimage import data

import featx

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "rocket",
    "hubble_deep_field",
)


def photo_pieces(each=24, *, pixels=64, photographs=PHOTOGRAPHS, seed=0):
    """Return a data set of square pieces that do not overlap; the class of a piece is the photograph it is from."""
    rng = np.random.default_rng(seed)
    images, names, labels = [], [], []
    for name in photographs:
        photograph = getattr(data, name)()
        down, across = (side // pixels for side in photograph.shape[:2])
        for number in sorted(rng.permutation(down * across)[:each].tolist()):
            y, x = (pixels * place for place in divmod(number, across))
            images.append(photograph[y : y + pixels, x : x + pixels])
            names.append(f"{name}/{number:03}.png")
            labels.append(name)
    return featx.ImageDataset(images, names, labels=np.array(labels))
