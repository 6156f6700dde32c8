"""ack-pods: events of pods are rows of a table, and a function answers from it."""

import sqlite3

POD = "cs:k8s:PodRelatedEvent"


def test_pod_events_become_rows_and_repetitions_do_not(example, sample, tmp_path):
    example.deploy()

    def pod(name, count, id, uid, kind="Warning"):
        data = sample(POD)["data"]
        return example.put(sample(POD, {
            "metadata": {**data["metadata"], "uid": uid}, "involvedObject": {**data["involvedObject"], "name": name},
            "count": count, "type": kind}, id=id))

    pod("web-1", 1, "e1", "u1")
    pod("web-1", 5, "e2", "u1")
    # Late and again: neither says anything new.
    assert "known already" in pod("web-1", 1, "e1", "u1")
    assert "known already" in pod("web-1", 5, "e2", "u1")
    pod("web-2", 2, "e3", "u2")
    pod("web-3", 9, "e4", "u3", kind="Normal")
    worst = example.invoke("ack-pods-report", {"limit": 5})["worst"]
    assert [(row["pod"], row["reason"], row["times"]) for row in worst] == [("web-1", "BackOff", 5), ("web-2", "BackOff", 2)]
    (tmp_path / "pods.db").write_bytes(example.bucket("clusters").get_object("pods.db").read())
    rows = sqlite3.connect(tmp_path / "pods.db").execute("SELECT pod, cluster, count FROM pod_events ORDER BY pod").fetchall()
    cluster = "c0123456789abcdef0123456789abcdef"
    assert rows == [("web-1", cluster, 5), ("web-2", cluster, 2), ("web-3", cluster, 9)]


def test_an_empty_table_has_an_answer(example):
    example.deploy()
    assert example.invoke("ack-pods-report", {}) == {"worst": []}


def test_the_page_is_true(example):
    example.deploy()
    told = example.try_it()
    assert '"pod": "web-1", "reason": "BackOff", "times": 3' in "".join(told.values())
