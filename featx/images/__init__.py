"""Read images: from paths, URLs, arrays and PIL images to RGB pixels, and from pixels to the input of a network.

In: whatever a user passes as images, and labels with them. Out: `ImageSources`, which decode their pixels when asked,
and tensors as a network was trained on them; or an error that names the image. Start with `sources`, then `decoding`
and `preprocessing`.
"""
