"""Cheap scientific computing on serverless functions: `cosmic_fmi.cli` is the command `cosmic-fmi`."""
