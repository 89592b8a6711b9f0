"""The daemon.

daemon.py    its process and its life           daemon_process.py   starts it in the background
gateway.py   its HTTP server                    control_plane.py    moto, which answers all the rest
"""
