"""The command line: a file a command, which understands its arguments; the work is done elsewhere."""
