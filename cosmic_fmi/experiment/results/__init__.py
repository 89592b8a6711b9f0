"""What a folder of results holds, read back and grouped.

folder.py       the files of an experiment    reading.py      one of them, with what is wrong with it
record.py       one run                       rank_row.py     one row of ranks.csv
groups.py       runs of one setting           statistics.py   medians and their intervals
"""
