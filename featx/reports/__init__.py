"""From results to the tables, sentences and pictures that show them, in a terminal, a notebook or a file.

In: a result of any room. Out: parts for `display` to lay out, and figures of matplotlib.
Start with `summaries`, which knows what shows which result.
"""
