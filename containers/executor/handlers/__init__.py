"""The functions of the image: one module a handler."""
