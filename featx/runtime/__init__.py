"""Processor cores, threads, timeouts, memory, clocks, seeds and joblib's workers.

In: calls, and how many at once. Out: what they returned, in order, or an error for one that timed out or was lost.
Start with `lanes` (threads of one process), `tasks` (workers of joblib) and `deadlines` (calls that may hang).
"""
