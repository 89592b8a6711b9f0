"""What AWS Lambda and Step Functions give and allow (AWS Lambda developer guide, Quotas and Memory)."""

from __future__ import annotations

MB_PER_CPU = 1769
"""Memory at which a function has one whole virtual CPU; half of it is half a one."""

MOST_CPUS = 6
"""Virtual CPUs of a function, at the most."""

SMALLEST_MB = 128
LARGEST_MB = 10_240
"""A function's memory is a whole number of MB (2^20 bytes) in this range."""

LONGEST_RUN_S = 900
"""How long a function may run."""

PAYLOAD_BYTES = 256 * 1024
"""What Step Functions passes from one state to another, or to a rank, as JSON."""
