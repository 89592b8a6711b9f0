"""What carries messages.

base.py         what a channel is                 registry.py   channels by name
multi.py        several at once                   policy.py   cost_model.py   which one for which call
direct/         TCP between the ranks             storage/   anything that keeps named bytes: Redis, S3
"""
