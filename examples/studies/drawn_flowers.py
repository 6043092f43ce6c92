"""Draw flowers of any number of kinds: the stand-in for a set of photographs that cannot be had offline."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw

import featx

# Drawn this many times as large, then reduced, so that edges are smooth.
FINER = 2


def drawn_flowers(kinds=102, each=20, *, pixels=96, seed=0):
    """Return a data set of drawn flowers.

    The number, length, width and colour of the petals and the disc make the kind. Position, size, turn, tilt, light
    and ground are those of the image. Kinds may be alike, as those of a genus are.
    """
    images, labels = [], []
    for kind in range(kinds):
        form = _form(np.random.default_rng([seed, kind]))
        for image in range(each):
            images.append(
                _draw(
                    form, np.random.default_rng([seed, kind, image]), pixels
                )
            )
            labels.append(f"kind {kind:03}")
    names = [
        f"{label}/{number % each:03}.png"
        for number, label in enumerate(labels)
    ]
    return featx.ImageDataset(images, names, labels=np.array(labels))


def _form(rng):
    """Draw what the flowers of one kind have in common."""
    return {
        "petals": int(rng.integers(4, 15)),
        "length": rng.uniform(0.6, 1.0),
        "width": rng.uniform(0.12, 0.42),
        "hue": rng.uniform(0.7, 1.2) % 1,
        "saturation": rng.choice([0.1, 0.5, 0.8]),
        "disc": rng.uniform(0.12, 0.35),
        "disc_hue": rng.uniform(0.06, 0.18),
        "inner": bool(rng.integers(2)),
    }


def _draw(form, rng, pixels):
    """Draw one flower of a kind."""
    side = pixels * FINER
    light = rng.uniform(0.6, 1.1)
    ground = np.array(
        [rng.uniform(40, 90), rng.uniform(70, 130), rng.uniform(30, 70)]
    )
    coarse = np.clip(ground + rng.normal(0, 28, (8, 8, 3)), 0, 255).astype(
        np.uint8
    )
    picture = Image.fromarray(coarse).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    pen = ImageDraw.Draw(picture)
    centre, radius = (
        side * rng.uniform(0.42, 0.58, 2),
        side * rng.uniform(0.34, 0.46),
    )
    tilt, lean, turn = (
        rng.uniform(0.6, 1),
        rng.uniform(0, np.pi),
        rng.uniform(0, 2 * np.pi),
    )

    def place(points):
        """Tilt points of the plane of the flower, and move them to their place in the picture."""
        along = np.array(
            [[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]]
        )
        return [
            tuple(point)
            for point in points @ along.T * [1, tilt] @ along * radius
            + centre
        ]

    hue = (form["hue"] + rng.normal(0, 0.02)) % 1
    around = np.linspace(0, 2 * np.pi, 24)
    for ring, share in ((0, 1.0), (1, 0.6)) if form["inner"] else ((0, 1.0),):
        for petal in range(form["petals"]):
            angle = (
                turn
                + 2 * np.pi * (petal + ring / 2) / form["petals"]
                + rng.normal(0, 0.05)
            )
            length = form["length"] * share * rng.uniform(0.9, 1.1)
            oval = np.stack(
                [
                    length * (1 + np.cos(around)) / 2,
                    form["width"] * share * np.sin(around),
                ],
                axis=1,
            )
            turned = oval @ [
                [np.cos(angle), np.sin(angle)],
                [-np.sin(angle), np.cos(angle)],
            ]
            colour = _rgb(
                hue,
                form["saturation"],
                light * rng.uniform(0.75, 0.95) * (1 - 0.15 * ring),
            )
            pen.polygon(
                place(turned),
                fill=colour,
                outline=_rgb(hue, form["saturation"], light * 0.55),
            )
    disc = form["disc"] * np.stack([np.cos(around), np.sin(around)], axis=1)
    pen.polygon(place(disc), fill=_rgb(form["disc_hue"], 0.8, light * 0.85))
    small = np.asarray(
        picture.resize((pixels, pixels), Image.Resampling.BOX), dtype=float
    )
    return np.clip(small + rng.normal(0, 10, small.shape), 0, 255).astype(
        np.uint8
    )


def _rgb(hue, saturation, value):
    """Return a colour as Pillow takes it."""
    return tuple(
        round(255 * part)
        for part in colorsys.hsv_to_rgb(
            hue, saturation, min(max(value, 0), 1)
        )
    )
