"""What the course's scripts import beside `fmi`."""
