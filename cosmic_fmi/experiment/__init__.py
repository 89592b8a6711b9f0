"""What the commands of an experiment share: targets, runs, logs, cost, summary and report of an experiment.

Dependencies point one way: ``cosmic_fmi.cli`` -> ``experiment`` -> (``localcloud`` or AWS). Nothing here
knows what the functions compute; it starts executions, watches them, and collects what they leave behind.
"""
