"""Keeps the events of Kubernetes pods in a table, and answers questions about them.

The table is an SQLite database in a bucket: `handler` puts events into it, `report` reads it. Kubernetes repeats an
event by sending it again with a higher count, so a row is the latest that is known of one event.
"""

import json
import os
import sqlite3
import tempfile

from bucket import Bucket

TABLE = """
CREATE TABLE IF NOT EXISTS pod_events (
    uid TEXT PRIMARY KEY, cluster TEXT, namespace TEXT, pod TEXT, type TEXT, reason TEXT, message TEXT,
    count INTEGER, first_seen TEXT, last_seen TEXT
) WITHOUT ROWID
"""

UPSERT = """
INSERT INTO pod_events VALUES (:uid, :cluster, :namespace, :pod, :type, :reason, :message, :count, :first, :last)
ON CONFLICT (uid) DO UPDATE SET count = excluded.count, last_seen = excluded.last_seen, message = excluded.message
WHERE excluded.count > pod_events.count
"""

WORST = """
SELECT namespace, pod, reason, SUM(count) AS times, MAX(last_seen) AS last_seen FROM pod_events
WHERE type = 'Warning' GROUP BY namespace, pod, reason ORDER BY times DESC, pod LIMIT :limit
"""


def handler(event, context):
    event = json.loads(event)
    with tempfile.TemporaryDirectory() as directory:
        database = open_database(context, directory)
        with database:
            changed = database.execute(UPSERT, row_of(event)).rowcount
        database.close()
        if changed:
            with open(os.path.join(directory, "pods.db"), "rb") as file:
                bucket_of(context).put(os.environ["DATABASE"], file.read(), "application/vnd.sqlite3")
    print(f"{event['data']['metadata']['name']}: {'stored' if changed else 'known already'}")
    return {"stored": bool(changed)}


def report(event, context):
    """Returns which pods had the most warnings: `{"limit": 10}`."""
    question = json.loads(event or b"{}")
    with tempfile.TemporaryDirectory() as directory:
        database = open_database(context, directory)
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute(WORST, {"limit": question.get("limit", 10)})]
        database.close()
    return {"worst": rows}


def row_of(event):
    """Returns the row of a Kubernetes event. Its subject names the cluster."""
    data = event["data"]
    pod = data["involvedObject"]
    return {
        "uid": data["metadata"]["uid"], "cluster": event["subject"].split(":")[4].split("/")[0],
        "namespace": pod["namespace"], "pod": pod["name"],
        "type": data["type"], "reason": data["reason"], "message": data["message"],
        "count": data["count"] or 1, "first": data["firstTimestamp"], "last": data["lastTimestamp"],
    }


def open_database(context, directory):
    path = os.path.join(directory, "pods.db")
    content = bucket_of(context).get(os.environ["DATABASE"])
    if content is not None:
        with open(path, "wb") as file:
            file.write(content)
    database = sqlite3.connect(path)
    database.execute(TABLE)
    return database


def bucket_of(context):
    return Bucket(os.environ["BUCKET"], context)
