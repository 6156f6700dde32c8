"""thumbnail: photos below several prefixes become small pictures of one format."""

import os

from harness.server import find_binary
from harness.waiting import wait_until


def test_photos_of_several_places_and_formats_become_webp(example):
    program = os.environ.get("KULKUL_THUMBNAIL", find_binary().parent / "thumbnail")
    example.deploy(THUMBNAIL=str(program))
    bucket = example.bucket("photos")
    photo = (example.directory / "raccoon.jpg").read_bytes()
    wanted = ["camera/a.jpg", "phone/b.JPG", "scans/c.png"]
    # Those that are not wanted come first: had they an effect, it would be there before the last thumbnail.
    for key in ["camera/notes.txt", "other/d.jpg", "scans/private/e.png", *wanted]:
        bucket.put_object(key, photo)
    expected = sorted(f"thumbnails/{key.rsplit('.', 1)[0]}.webp" for key in wanted)
    wait_until(lambda: example.keys("photos", "thumbnails/") == expected, what=lambda: example.keys("photos"))
    small = bucket.get_object(expected[0])
    content = small.read()
    assert small.headers["Content-Type"] == "image/webp" and content[:4] == b"RIFF" and len(content) < len(photo)
