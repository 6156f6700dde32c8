"""rds-failover: the runbook goes on where it stopped, and does each step once."""

FAILOVER = "rds:CloudMonitor:InstanceFailover"


def test_each_step_is_done_once_although_one_fails_at_first(example, sample, collector, unique):
    path = "/" + unique("page")
    example.deploy(ON_CALL_URL=collector.url(path))
    collector.status_of[path] = 500
    event = sample(FAILOVER, id="failover-1")
    example.send(event)
    collector.wait_for(path)
    del collector.status_of[path]
    log = example.log(event)
    assert log.count("reconnect_applications") == 1 and log.count("write_report") == 1
    incident = example.document("runbooks", "incidents/failover-1.json")
    assert incident["done"] == ["reconnect_applications", "page_on_call", "write_report"]
    instance = incident["instance"]
    assert example.document("runbooks", f"reconnect/{instance}.json")["incident"] == "failover-1"
    report = example.bucket("runbooks").get_object("reports/failover-1.md").read().decode()
    assert "- [x] page on call" in report
    assert len(collector.bodies(path)) == 2, "the one that was refused, and its repetition"
    # The same event again finds everything done.
    assert "page_on_call" not in example.put(sample(FAILOVER, id="failover-1"))
    assert len(collector.bodies(path)) == 2


def test_an_older_failover_does_not_take_back_a_newer_one(example, sample, collector, unique):
    path = "/" + unique("page")
    example.deploy(ON_CALL_URL=collector.url(path))
    example.put(sample(FAILOVER, id="new", time="2026-11-29T09:00:00Z"))
    example.put(sample(FAILOVER, id="old", time="2026-11-29T08:00:00Z"))
    instance = example.document("runbooks", "incidents/new.json")["instance"]
    assert example.document("runbooks", f"reconnect/{instance}.json")["since"] == "2026-11-29T09:00:00Z"


def test_the_page_is_true(example, collector, unique):
    example.deploy(ON_CALL_URL=collector.url("/" + unique("page")))
    example.try_it()
    assert example.keys("runbooks") == ["incidents/failover-1.json", "reconnect/rm-1.json", "reports/failover-1.md"]
