"""`python -m fmi`: see that a world works, measure it, calibrate the cost model.

main.py        parses the arguments; imports the others
launch.py      starts a rendezvous server and the ranks as processes
programs.py    what the ranks run
calibrate.py   measures the model's constants
"""
