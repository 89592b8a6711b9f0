"""Where an experiment runs.

base.py     what a target is     local.py    the embedded AWS      aws.py      an account
terraform.py   deployment.py     what is deployed, and its outputs
images.py   ports.py             images for the embedded AWS, free ports
preflight/                       what is checked before the first run
"""
