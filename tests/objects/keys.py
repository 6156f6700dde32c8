"""Keys that have broken object stores before."""

ODD_KEYS = [
    "plain.txt",
    "a b+c.txt",
    "ü/日本.txt",
    "😀",
    "%20",
    "a%2Fb",
    "a//b",
    "dir/",
    "!'()*;:@&=+$,?#[]",
    "a\\b",
    "tab\there",
    "<&>\"'",
    "ü" * 511,
]
