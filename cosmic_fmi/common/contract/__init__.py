"""What the executor, a rank's script, Summarize and whoever collects results agree on, in one place.

    keys.py        where an execution keeps what in S3
    variables.py   the environment variables of a rank
    outcome.py     how a rank ended                 rank_line.py the line in its log that says which it is
    result.py      what a rank found: <rank>.json          reading.py   the same, from a script of any kind

Nothing is imported here: a rank's cold start pays for what it uses.
"""
