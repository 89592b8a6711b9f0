"""Commands that run experiments and show what came out."""
