"""The tables, sentences and plots that show a result, in a terminal, a notebook or a file.

In: a result of any room. Out: tables and sentences that `display` formats, and matplotlib figures.
Start with `summaries`, which says how each class of result is shown.
"""
