"""What every test may rely on."""

from __future__ import annotations

import signal

# A CI system may start jobs in the background of a shell, where Ctrl-C is ignored; children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
