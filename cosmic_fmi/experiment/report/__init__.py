"""Pages for people, from a folder of results.

report.py       report.html, with pictures/      html.py      its parts
bill.py         what a run costs, line by line   compare.py   two folders
simulation.py   larger work on AWS
"""
