"""How things are shown: numbers with units, tables, lines that fit a terminal, progress bars, remarks made once.

In: values and sentences. Out: text or HTML; what the tables of each result hold is decided in `reports`.
Start with `tables` and `quantities`.
"""
