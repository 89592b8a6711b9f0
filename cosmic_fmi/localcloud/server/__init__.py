"""The daemon: its process (daemon.py), its HTTP server (gateway.py), and moto behind (control_plane.py)."""
