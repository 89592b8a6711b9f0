"""Tests, mirroring the tree of the repository."""
