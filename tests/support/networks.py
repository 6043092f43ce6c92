"""Networks that are quick to build and to run."""

# Parameters of a network that needs milliseconds for an image.
TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32}
