"""What AWS refuses because it is too long, too large or has the wrong characters, and moto takes.

check.py      a request, and the refusal that it gets
requests.py   which operation a request calls, and with what
shapes.py     lengths and patterns of botocore's models      names.py   rules that no model has
"""
