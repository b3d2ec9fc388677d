"""Names that strangers chose, made safe for a terminal."""


def printable(text: str) -> str:
    """The text with control characters, escape sequences and broken bytes written out; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)
