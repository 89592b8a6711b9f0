"""What a user typed, checked.

payload.py    the execution input       settings.py         its `environment` and `arguments`
listing.py    the data in the bucket    course_payload.py   the course's own payload
mistakes.py   all mistakes in one error
"""
