"""What the scripts share: targets, runs, logs, cost, summary and report of an experiment.

Dependencies point one way: ``scripts`` -> ``experiment`` -> (``localcloud`` or AWS). Nothing in here knows
what the functions compute; it starts executions, watches them, and collects what they leave behind.
"""
