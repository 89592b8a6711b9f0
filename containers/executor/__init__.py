"""The Lambda image: initialize, execute, summarize."""
