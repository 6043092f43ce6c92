"""How things are shown: numbers with units, tables, lines that fit a terminal, progress bars, notes logged once.

In: values and sentences. Out: text or HTML; `reports` decides what the tables of each result hold.
Start with `tables` and `quantities`.
"""
