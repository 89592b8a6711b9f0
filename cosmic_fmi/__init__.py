"""Cheap scientific computing on serverless functions.

    cli/          the command `cosmic-fmi` (__main__.py: `python -m cosmic_fmi`)
    experiment/   runs executions on a target, and collects, bills, compares and reports them
    localcloud/   an AWS on this machine
    common/       what all packages of this project share

Imports go downwards: cli uses experiment and localcloud, experiment uses localcloud, and all use common.
"""
