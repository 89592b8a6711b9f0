"""The folder in which an experiment's results are kept.

folder.py       its files              reading.py      opens one to be read
record.py       what is kept of a run  rank_row.py     numbers of ranks.csv
groups.py       runs by setting        statistics.py   medians, ratios, and their intervals
"""
