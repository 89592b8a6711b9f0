"""What a user typed, checked: payload.py."""
