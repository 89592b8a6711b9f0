"""Experiments: executions of the state machine, from a plan to a report.

Packages, each of which imports only from those below it:

    sweep/              makes the runs of a plan, one after another
    report/   data/     pages from results; a user's galaxies into the bucket
    execution/          one execution: start, watch, collect
    targets/            the embedded AWS, or an AWS account
    plan/               what is to be run
    program/            a user's program and its data, into the bucket
    packages/   model/  packages that it needs; predictions of time and cost
    results/            the folder in which results are kept
    cost/               what an execution costs
    aws/                what an execution leaves in AWS's services
    ui/                 messages, tables and signals of a command
    schema.py   paths.py   errors.py   keys of the results; folders; errors that a user can act on
    installed_project.py               what a wheel brings, as a folder like a clone

Nothing here knows what the functions compute.
"""
