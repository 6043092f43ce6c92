"""A labelled data set -> what is wrong with it: near-duplicates, wrong labels, odd images, shortcuts, and their cost.

Start reading at `audit.py`, which calls the other modules one after the other; `result.py` says what comes out.
"""
