"""The report: one HTML file with the figures, charts and images of a result, which is opened in a browser.

In: a result of any room, and the data set whose images it shows. Out: a file that needs no network.
Start with `report_file`; `reports`, which has the tables and sentences of a terminal, is another room.
"""
