"""moto's models, with types, and what is added to them.

backends.py (_untyped.py)   what the daemon reads from moto
ecs.py                      tasks, in step with their processes
logs.py                     log streams, and the lines that Lambda writes
"""
