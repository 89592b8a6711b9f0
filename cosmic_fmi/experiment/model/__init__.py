"""How long other work would take, and what it would cost.

scaling.py      the model of an execution's time     observations.py   what it is fitted to
prediction.py   time and cost of a setting           alternatives.py   the same work elsewhere
tuning.py       the best setting                     goals.py          what it is chosen for
tuned.py        how far off it was
"""
