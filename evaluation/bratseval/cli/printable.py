"""Text for a terminal: names that strangers chose made safe, numbers with their nouns."""


def printable(text: str) -> str:
    """The text with control characters, escape sequences and invalid bytes shown as escapes; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 case, 2 cases, 0 cases."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
