"""Commands for data and models on this machine."""
