"""What is checked before the first run on AWS.

checks.py       everything, in order: account, state machine, bucket, functions, quotas
images.py       the images in the registry
functions.py    the functions, which may be asleep
rendezvous.py   the rendezvous server
"""
