"""How the recorded official numbers name things."""


def edition_name(challenge: str) -> str:
    """The edition of 2023 of a challenge as the official script names it: "BraTS-GLI" is "gli-2023"."""
    return challenge.removeprefix("BraTS-").lower() + "-2023"
