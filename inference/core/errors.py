"""The one error of every module that reads data files."""


class DataError(ValueError):
    """A data file cannot be used; the message names the file and says why in one sentence."""
