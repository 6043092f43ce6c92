"""Networks, layers and poolings -> which suit a data set best and what they cost, from few of its images.

Start reading at `rank.py`, which calls the other modules one after the other; `result.py` says what comes out.
"""
