"""Cannot be imported: the tests look at how that is reported."""

print("importing broken")
raise RuntimeError("no good module")


def handler(event: object, context: object) -> None:
    """Is never reached."""
