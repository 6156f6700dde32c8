"""What is left after `kill -9`: objects and their events, both or neither."""

import collections
import json
import random
import sqlite3
import threading

import oss2

from harness.waiting import wait_until
from objects.conftest import oss2_bucket

ROUNDS = 3
WRITERS = 4


class Writer(threading.Thread):
    """Writes, replaces, appends and deletes until the server is gone; remembers what was acknowledged."""

    def __init__(self, bucket, number, round_number):
        super().__init__()
        self.bucket, self.random = bucket, random.Random(f"{number}/{round_number}")
        self.prefix = f"{round_number}/{number}/"
        self.acknowledged = {}
        self.uncertain = set()

    def run(self):
        try:
            while True:
                self.step()
        except (oss2.exceptions.RequestError, oss2.exceptions.ServerError):
            pass

    def step(self):
        key = f"{self.prefix}{self.random.randrange(20)}"
        self.uncertain.add(key)
        if self.random.random() < 0.2 and self.acknowledged.get(key):
            self.bucket.delete_object(key)
            self.acknowledged[key] = None
        else:
            body = self.random.randbytes(self.random.choice([10, 5_000, 200_000]))
            self.acknowledged[key] = self.bucket.put_object(key, body).etag
        self.uncertain.discard(key)


def test_kill_leaves_objects_and_events_together(new_server, unique):
    server = new_server()
    name = unique("durable")
    bucket = oss2_bucket(server, name, "v1")
    expected, uncertain = {}, set()
    for round_number in range(ROUNDS):
        writers = [Writer(oss2.Bucket(bucket.auth, server.objects_url, name), number, round_number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        timer = threading.Timer(1.5, server.kill)
        timer.start()
        for writer in writers:
            writer.join(60)
            expected.update(writer.acknowledged)
            uncertain |= writer.uncertain
        timer.join()
        check_database(server, name)
        server.start()
        listed = {one.key: one.etag for one in oss2.ObjectIterator(bucket)}
        certain = {key: etag for key, etag in expected.items() if key not in uncertain}
        assert certain, "nothing was written"
        for key, etag in certain.items():
            assert listed.get(key) == etag, key
        for key, etag in listed.items():
            assert oss2.utils.md5_string(bucket.get_object(key).read()).upper() == etag


def check_database(server, bucket):
    """Compares the objects with the last event of each key; the server is down."""
    with sqlite3.connect(server.data / "events.db") as events:
        objects = dict(events.execute("SELECT key, etag FROM object WHERE bucket = ?", (bucket,)))
        told = collections.OrderedDict()
        for (body,) in events.execute("SELECT body FROM record WHERE source = 'acs.oss' ORDER BY seq"):
            data = json.loads(body)["data"]
            if "object" in data["oss"]:
                removed = data["eventName"].startswith("ObjectRemoved")
                told[data["oss"]["object"]["key"]] = None if removed else data["oss"]["object"]["eTag"]
    assert {key: etag for key, etag in told.items() if etag} == objects


def test_files_that_nothing_refers_to_go(new_server, unique):
    server = new_server()
    bucket = oss2_bucket(server, unique("files"), "v1")
    bucket.put_object("k", "kept")
    server.kill()
    left = server.data / "objects" / "0" / ("00" + "ab" * 15)
    left.write_bytes(b"left by a crash")
    server.start()
    wait_until(lambda: not left.exists(), what="the removal of the file")
    assert bucket.get_object("k").read() == b"kept"


def test_an_upload_goes_on_after_a_kill(new_server, unique):
    server = new_server()
    bucket = oss2_bucket(server, unique("parts"), "v1")
    upload = bucket.init_multipart_upload("k").upload_id
    done = [oss2.models.PartInfo(1, bucket.upload_part("k", upload, 1, b"1" * 102_400).etag)]
    server.kill()
    server.start()
    done.append(oss2.models.PartInfo(2, bucket.upload_part("k", upload, 2, b"2" * 10).etag))
    bucket.complete_multipart_upload("k", upload, done)
    assert bucket.get_object("k").read() == b"1" * 102_400 + b"2" * 10
