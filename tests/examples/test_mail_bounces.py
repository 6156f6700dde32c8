"""mail-bounces: who bounced for good, complained or unsubscribed gets no more mail."""

FAIL, COMPLAINT = "dm:Deliver:Fail", "dm:Feedback:FblReport"
UNSUBSCRIBE, SUBSCRIBE = "dm:Feedback:UnSubscribe", "dm:Feedback:Subscribe"


def test_the_list_follows_the_newest_event_of_each_address(example, sample):
    example.deploy()
    example.put(sample(FAIL, {"rcpt": "gone@example.com"}, id="e1"))
    example.put(sample(FAIL, {"rcpt": "full@example.com", "status": "4"}, id="e2"))
    example.put(sample(COMPLAINT, {"block_email": "angry@example.com"}, id="e3"))
    example.put(sample(UNSUBSCRIBE, {"rcpt": "back@example.com"}, id="e4", time="2026-11-29T08:00:00Z"))
    example.put(sample(SUBSCRIBE, {"rcpt": "back@example.com"}, id="e5", time="2026-11-29T09:00:00Z"))
    # Again, and too late.
    assert "known already" in example.put(sample(UNSUBSCRIBE, {"rcpt": "back@example.com"}, id="e4", time="2026-11-29T08:00:00Z"))
    addresses = ["Gone@Example.com", "full@example.com", "angry@example.com", "back@example.com", "new@example.com"]
    assert example.invoke("mail-check", {"addresses": addresses}) == {
        "Gone@Example.com": False, "full@example.com": True, "angry@example.com": False, "back@example.com": True, "new@example.com": True}
    assert len(example.keys("mail", "addresses/")) == 3


def test_both_spellings_of_the_source_are_heard(example, sample):
    example.deploy()
    event = {**sample(FAIL, {"rcpt": "gone@example.com"}, id="e1"), "source": "acs:dm"}
    log = example.put(event)
    assert "g***@example.com" in log and "gone@" not in log
    assert example.invoke("mail-check", {"addresses": ["gone@example.com"]}) == {"gone@example.com": False}


def test_the_page_is_true(example):
    example.deploy()
    told = example.try_it()
    assert '{"gone@example.com": false, "new@example.com": true}' in "".join(told.values())
