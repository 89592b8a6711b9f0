"""What is checked before the first run on AWS: checks.py, and what it asks of the images and the server."""
