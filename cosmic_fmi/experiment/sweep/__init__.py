"""Many runs after another.

session.py    makes them     progress.py   shows them     remarks.py   says what one lacks
forecast.py   how long they will take and what they will cost     budget.py   when to stop
"""
