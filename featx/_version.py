"""The version of featx, read by the packaging and by every file that featx writes."""

__version__ = "0.1.0"
