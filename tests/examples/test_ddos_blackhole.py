"""ddos-blackhole: the status page says what cannot be reached, whatever order the events come in."""

BEGIN, END = "ddos:CloudMonitor:DdoscooEventBlackholeAdd", "ddos:CloudMonitor:DdoscooEventBlackholeEnd"


def page(example):
    return example.bucket("status").get_object("index.html").read().decode()


def test_the_page_follows_begin_and_end(example, sample):
    example.deploy()
    example.put(sample(BEGIN, id="b1", time="2026-11-29T08:00:00Z"))
    assert "unreachable" in page(example) and "under way" in page(example)
    example.put(sample(BEGIN, id="b1", time="2026-11-29T08:00:00Z"))
    example.put(sample(END, id="x1", time="2026-11-29T08:30:00Z"))
    assert "All services are reachable" in page(example)
    incidents = example.document("status", "incidents.json")
    assert [(i["start"], i["end"]) for i in incidents] == [("2026-11-29T08:00:00Z", "2026-11-29T08:30:00Z")]


def test_an_end_that_comes_first_meets_its_beginning(example, sample):
    example.deploy()
    example.put(sample(END, id="x1", time="2026-11-29T08:30:00Z"))
    example.put(sample(BEGIN, id="b1", time="2026-11-29T08:00:00Z"))
    example.put(sample(BEGIN, {"instanceName": "<other>"}, id="b2", time="2026-11-29T09:00:00Z"))
    incidents = example.document("status", "incidents.json")
    assert [(i["instance"], i["start"], i.get("end")) for i in incidents] == [
        ("ddoscoo-cn-example01", "2026-11-29T08:00:00Z", "2026-11-29T08:30:00Z"), ("<other>", "2026-11-29T09:00:00Z", None)]
    assert "&lt;other&gt;" in page(example) and "<other>" not in page(example)


def test_scrubbing_is_not_a_blackhole(example, sample):
    example.deploy()
    example.put(sample("ddos:CloudMonitor:DdosbgpEventClean", id="c1"))
    assert example.keys("status") == []


def test_the_page_is_true(example):
    example.deploy()
    example.try_it()
    assert "All services are reachable" in page(example)
    assert [incident["instance"] for incident in example.document("status", "incidents.json")] == ["shop"]
