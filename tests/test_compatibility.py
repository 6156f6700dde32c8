"""docs/compatibility.md says what is true."""

import compatibility


def test_the_page_on_compatibility_is_not_stale():
    page = compatibility.ROOT / "docs" / "compatibility.md"
    assert page.read_text() == compatibility.document(), "run: python tests/compatibility.py > docs/compatibility.md"
