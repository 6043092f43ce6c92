"""Processor cores, threads, deadlines, memory, clocks, seeds and joblib's workers; nothing here knows of images.

In: calls, and how many at once. Out: what they returned, in order, or word that one was given up or lost.
Start with `lanes` (threads of one process), `tasks` (workers of joblib) and `deadlines` (calls that may hang).
"""
