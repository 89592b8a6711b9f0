"""Where functions and tasks run.

base.py   spec.py      what a place to run them is, and what it is told
processes.py           as processes of this machine (_process.py, _task.py)
containers.py          as containers (_container.py, docker_engine.py, docker_stream.py)
runtime_address.py     where a function's runtime asks for work, and by which secret
output.py   memory.py  what they print and how much memory they use
tmp_size.py            how much they have written to /tmp
code_stamp.py          whether the code has changed
"""
