"""security-alert: findings of three services reach one webhook, each once."""

import hashlib
import hmac

CONFIG = "config:Config:NonCompliantNotification"
FIREWALL = "cfw:CloudMonitor:SecurityIncidentWarningsNotify"
WAF = "waf:CloudMonitor:WafEventWebattack"


def test_findings_become_alerts_of_one_form(example, sample, collector, unique):
    path = "/" + unique("alerts")
    example.deploy(WEBHOOK_URL=collector.url(path), WEBHOOK_SECRET="shared")
    example.put(sample(CONFIG, id="c1"))
    example.put(sample(FIREWALL, id="f1"))
    example.put(sample(WAF, id="w1"))
    example.put(sample("ecs:Config:NonCompliantNotification", id="c2"))
    alerts = collector.documents(path)
    assert [(alert["id"], alert["level"]) for alert in alerts] == [("c1", "WARNING"), ("f1", "WARN"), ("w1", "CRITICAL"), ("c2", "WARNING")]
    assert alerts[0]["text"] == "[WARNING] ACS::OSS::Bucket breaks the rule oss-bucket-public-read-prohibited: kulkul-arsip"
    for headers, body in zip(collector.headers(path), collector.bodies(path)):
        signature = {name.lower(): value for name, value in headers.items()}["x-signature-sha256"]
        assert signature == hmac.new(b"shared", body, hashlib.sha256).hexdigest()


def test_an_alert_is_sent_once_and_only_above_the_level(example, sample, collector, unique):
    path = "/" + unique("alerts")
    example.deploy(WEBHOOK_URL=collector.url(path), WEBHOOK_SECRET="shared", MIN_LEVEL="CRITICAL")
    assert "below" in example.put(sample(FIREWALL, id="f1"))
    example.put(sample(WAF, id="w1"))
    assert "sent before" in example.put(sample(WAF, id="w1"))
    assert [alert["id"] for alert in collector.documents(path)] == ["w1"]


def test_the_page_is_true(example, collector, unique):
    path = "/" + unique("alerts")
    example.deploy(WEBHOOK_URL=collector.url(path), WEBHOOK_SECRET="shared")
    example.try_it()
    assert collector.documents(path)[0]["text"] == "[CRITICAL] SecurityIncidentWarningsNotify: cfw-1"


def test_it_is_not_deployed_without_its_secret(example):
    done = example.commands.run("deploy", example.directory, environment={"WEBHOOK_URL": "http://127.0.0.1:9/"})
    assert done.returncode == 1 and "`WEBHOOK_SECRET` is not set" in done.stderr
