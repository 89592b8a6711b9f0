"""One execution from start to end.

runner.py             starts, watches and stops it
rank_states.py   failing_ranks.py   what shows while it runs
function_memory.py    the memory size of its functions
collect.py            gathers what it left
live_output.py   own_files.py         what its ranks print while they run, and the files that they leave
usage.py   phases.py  what was used, and where the time went
past_executions.py    collects executions of the past
"""
