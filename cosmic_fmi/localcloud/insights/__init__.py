"""The query language of CloudWatch Logs Insights, over rows in memory.

    query.py         commands     stats.py    the command `stats`
    expressions.py   conditions, arithmetic and functions
    values.py        values, and the fields of a log event
    scanner.py       reads a query's text

Imports go downwards. `moto_patches` serves it.
"""
