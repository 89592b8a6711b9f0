"""`python -m fmi`: main.py parses, launch.py starts processes that run programs.py, calibrate.py measures."""
