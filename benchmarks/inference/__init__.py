"""AstroMAE inference, ours and the course's way, side by side."""
