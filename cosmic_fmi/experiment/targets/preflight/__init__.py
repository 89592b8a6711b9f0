"""What is checked before the first run on AWS.

checks.py       everything, in order: account, state machine, bucket, functions, quotas
images.py       the images in the registry     rendezvous.py   the rendezvous server
"""
