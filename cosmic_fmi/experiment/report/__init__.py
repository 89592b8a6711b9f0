"""Pages for people, from a folder of results.

report.py       report.html, with pictures/      html.py       its parts, for report.html.j2
tiles.py        the numbers at its top           medians.py    its table of medians by setting
bill.py         what a run costs, line by line   compare.py    two folders
simulation.py   larger work on AWS               workloads.py  which work, unless other is asked for
proposal.py     the setting that the scaling model proposes
"""
