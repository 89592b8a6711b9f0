"""Commands of the libraries: message passing (fmi.py), and the embedded AWS (local.py, local_faults.py)."""
