"""What runs inside a function's or task's own process: it imports nothing else of this package."""
