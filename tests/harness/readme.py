"""The commands that a page tells people to type."""


def commands_in(text, heading):
    """Returns the indented lines below a heading, joined where they end with a backslash."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.removeprefix("    ") for line in section.splitlines() if line.startswith("    ")]
    return "\n".join(lines).replace("\\\n", "").splitlines()
