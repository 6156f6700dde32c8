"""Short ways to create and invoke functions through the official SDK."""

import base64
import json

from alibabacloud_fc20230330 import models
from darabonba.runtime import RuntimeOptions

from harness import clients
from harness.zips import base64_zip_of

PYTHON = "python3.10"
NODE = "nodejs20"
CUSTOM = "custom.debian12"

# Python code that posts its event to the address in `URL`.
RECORDER = """
import os, urllib.request
def handler(event, context):
    urllib.request.urlopen(urllib.request.Request(os.environ["URL"], event), timeout=10).read()
    return "recorded"
"""


class Answer:
    """What one invocation returned."""

    def __init__(self, response):
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.body = response.body.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def document(self):
        return json.loads(self.body)

    @property
    def error_type(self):
        """`None` when the function succeeded."""
        return self.headers.get("x-fc-error-type")

    @property
    def log(self):
        """The end of the log, when it was asked for."""
        return base64.b64decode(self.headers["x-fc-log-result"]).decode(errors="replace")

    def __repr__(self):
        return f"Answer({self.status}, {self.headers}, {self.body[:500]!r})"


def _file_name(code, runtime):
    """Returns the name that a file of code has by convention."""
    if not runtime.startswith("nodejs"):
        return "index.py"
    return "index.mjs" if "export " in code else "index.js"


class Functions:
    """Creates and invokes functions with good defaults."""

    def __init__(self, server, client=None):
        self.server = server
        self.client = client or clients.function_compute(server)

    def create(self, name, files, runtime=PYTHON, handler="index.handler", **settings):
        """Creates a function whose code is a zip of `files`; `files` may be the text of `index.py`."""
        if isinstance(files, str):
            files = {_file_name(files, runtime): files}
        code = models.InputCodeLocation(zip_file=base64_zip_of(files))
        return self.create_from(name, code, runtime, handler, **settings)

    def create_from(self, name, code, runtime=PYTHON, handler="index.handler", **settings):
        """Creates a function from an `InputCodeLocation` and returns the SDK's `Function`."""
        settings.setdefault("timeout", 20)
        settings.setdefault("memory_size", 256)
        body = models.CreateFunctionInput(
            function_name=name, runtime=runtime, handler=handler, code=code, **settings,
        )
        return self.client.create_function(models.CreateFunctionRequest(body=body)).body

    def invoke(self, name, payload=b"", qualifier=None, kind=None, log=None, task=None, headers=None):
        """Invokes a function; JSON for what is neither text nor bytes."""
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        wanted = models.InvokeFunctionHeaders(
            x_fc_invocation_type=kind, x_fc_log_type=log, x_fc_async_task_id=task, common_headers=dict(headers or {}),
        )
        request = models.InvokeFunctionRequest(body=payload, qualifier=qualifier)
        return Answer(self.client.invoke_function_with_options(name, request, wanted, RuntimeOptions()))

    def delete(self, name):
        return self.client.delete_function(name)

    def trigger(self, function, name, kind, config, **settings):
        """Creates a trigger whose configuration is `config` as JSON text."""
        body = models.CreateTriggerInput(
            trigger_name=name, trigger_type=kind, trigger_config=config if isinstance(config, str) else json.dumps(config),
            **settings,
        )
        return self.client.create_trigger(function, models.CreateTriggerRequest(body=body)).body

    def event_trigger(self, function, name, pattern, asynchronous=True, **settings):
        """Creates a trigger on events of bus `default` that match `pattern`."""
        config = {
            "triggerEnable": True,
            "asyncInvocationType": asynchronous,
            "eventRuleFilterPattern": json.dumps(pattern),
            "eventSourceConfig": {"eventSourceType": "Default"},
        }
        return self.trigger(function, name, "eventbridge", config, **settings)
