"""Where an experiment runs.

base.py         what a target is        local.py     the embedded AWS      aws.py    an account
deployment.py   Terraform's outputs     preflight/   what is checked before the first run on AWS
terraform.py    the root module: init, apply, destroy
terraform_command.py   Terraform's process   terraform_mirrors.py   where it gets its providers
terraform_watch.py     ends one that would wait in vain
_local_stack.py   _local_root.py   _local_lock.py   images.py   ports.py   for local.py
"""
