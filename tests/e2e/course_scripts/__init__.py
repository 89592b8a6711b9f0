"""Scripts of our own that make the calls which the course's scripts make, for worlds on the embedded AWS."""
