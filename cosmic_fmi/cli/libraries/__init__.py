"""Commands of the libraries: message passing, and the embedded AWS."""
