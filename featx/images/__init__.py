"""From a path, URL, array or PIL image to RGB pixels, and from pixels to the input of a network.

In: whatever a user hands over as images, and labels beside them. Out: `ImageSources`, whose pixels are decoded when
they are asked for, and tensors that a network was trained on; or an error that names the image.
Start with `sources`, then `decoding` and `preprocessing`.
"""
