"""One execution from start to end.

runner.py   starts, watches and stops it      rank_states.py   failing_ranks.py   while it runs
collect.py  gathers what it left              usage.py   phases.py                what that says
past_executions.py                            the same for executions of the past
"""
