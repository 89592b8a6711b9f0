"""Lambda: functions and their environments (service.py, environment.py), the runtime API, and events."""
