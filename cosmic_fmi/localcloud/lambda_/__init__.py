"""Lambda.

service.py       functions: concurrency, warm environments     events.py   events for functions
environment.py   one environment: invocations, time limits     runtime_api.py   what it polls
endings.py       how invocations end, in Lambda's words
"""
