"""The Fargate image: the TCPunch rendezvous server.

    __main__.py       its command line
    server.py         pairs clients                        connection.py     reads one client's request
    abort_notes.py    what aborting ranks leave for peers  limits.py         what clients are allowed
    monitor.py        /healthz and /metrics over HTTP      metrics.py        what is counted
    logs.py           JSON lines                           periodic_log.py   pair_log.py   two kinds of them
    ports.py          listening sockets                    health.py         the image's HEALTHCHECK

Of this project it imports fmi.protocol alone.
"""
