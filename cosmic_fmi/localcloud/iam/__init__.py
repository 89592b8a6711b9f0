"""IAM as the embedded AWS enforces it.

    authority.py (recorder.py)   decides, and writes down what it was asked
    principals.py   resource_policies.py   callers, and the policies of both ends
    policy.py (conditions.py matching.py)   what policies say
    gate.py (calls.py needs.py tables.py refusals.py)   requests: what they need, and how they are refused
    services.py   what services do for a deployment with its roles

Only policy.py and what it imports could be anywhere; the rest reads moto's backends.
"""
