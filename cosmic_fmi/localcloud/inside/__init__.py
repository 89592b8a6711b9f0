"""What runs inside a function's or task's own process; it imports nothing else of localcloud.

bootstrap.py        a function's process       supervise.py       a task's process
image_modules.py    hides what the image lacks
private_tmp.py      a /tmp of its own          parent_watch.py    ends with the daemon
runtime_client.py   polls the Lambda Runtime API where awslambdaric's own module is missing
"""
