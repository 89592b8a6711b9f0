"""Commands that run experiments and show their results; each is named as its module.

run.py   tune.py   sweep_arguments.py   run a sweep; run a proposal; the plan of either
program_arguments.py                    a program of the user's own
logs.py   prices.py                       of past executions; of AWS
images.py   deploy.py   destroy.py      the container images; a deployment, made and taken down
report.py   bill.py   compare.py   simulate.py   from the folder of an experiment
"""
