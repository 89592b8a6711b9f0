"""The larger work that is simulated unless somebody asks for other."""

from __future__ import annotations

DEFAULT_LIMITS = (10, 1000)
"""Functions at once: of a new account, and of one that asked for more (Lambda quotas)."""
WORKLOADS_GB = (12.6, 1000.0)
MOST_GB = 10**9
"""Gigabytes that a simulation takes at most: an exabyte."""
