// The public CloudEvents SDK, which knows nothing of the cloud: it publishes in every mode, and learns why it may not.
// Called by test_node_sdks.py with the address and keys in the environment; ends with 0 when all is well.

const assert = require("node:assert");
const { CloudEvent, HTTP, Mode, emitterFor, httpTransport } = require("cloudevents");

const { API, KEY_ID, KEY_SECRET, BUS, STEP } = process.env;

const EVENTS = `http://${API}/events/${BUS}`;
const KEY = `Basic ${Buffer.from(`${KEY_ID}:${KEY_SECRET}`).toString("base64")}`;
const BYTES = { data: new Uint8Array([0x89, 0xff]), datacontenttype: "image/png" };
const TEXT = { data: "plain ü", datacontenttype: "text/plain" };
const MORE = {
  subject: "order 7", dataschema: "https://shop.example.com/order.json", time: "2026-11-22T07:21:54.018Z",
  datacontenttype: "application/json", tenant: "blue", attempt: 3, express: true,
};

function order(id, attributes = {}, strict = true) {
  return new CloudEvent({ id, source: "/shop", type: "order.placed", data: { total: 7 }, ...attributes }, strict);
}

// The SDK makes no batches by itself, but its events know what they are in one.
function batch(...events) {
  return { headers: { "content-type": "application/cloudevents-batch+json" }, body: JSON.stringify(events) };
}

// The transport of the SDK keeps the status of an answer to itself; this one tells it.
async function post({ headers, body }, { url = EVENTS, authorization = KEY } = {}) {
  const answer = await fetch(url, { method: "POST", headers: { ...headers, ...(authorization && { authorization }) }, body });
  return { status: answer.status, ...(await answer.json()) };
}

function accepted(answer, ...ids) {
  assert.deepStrictEqual(answer.events?.map((event) => event.id), ids, JSON.stringify(answer));
  assert.ok(answer.events.every((event) => event.traceId));
}

const steps = {
  async publish() {
    // An access key in the address is all that the transport of the SDK needs.
    const binary = emitterFor(httpTransport(EVENTS.replace("//", `//${KEY_ID}:${KEY_SECRET}@`)));
    const structured = emitterFor(httpTransport(EVENTS), { mode: Mode.STRUCTURED });
    const signed = { headers: { authorization: KEY } };
    accepted(JSON.parse((await binary(order("binary", MORE))).body), "binary");
    accepted(JSON.parse((await binary(order("binary-bytes", BYTES))).body), "binary-bytes");
    accepted(JSON.parse((await binary(order("binary-text", TEXT))).body), "binary-text");
    accepted(JSON.parse((await structured(order("structured", { ...MORE, subject: "order 7 / ü" }), signed)).body), "structured");
    accepted(JSON.parse((await structured(order("structured-bytes", BYTES), signed)).body), "structured-bytes");
    const whole = batch(order("batch"), order("batch-bytes", BYTES), order("batch-text", TEXT), order("batch-none", { data: undefined }));
    accepted(await post(whole), "batch", "batch-bytes", "batch-text", "batch-none");
  },

  async refusals() {
    const table = [
      // The SDK makes events of a version that is long gone, and with values that no attribute may have.
      [HTTP.structured(order("old", { specversion: "0.3" })), {}, 400, "EventSpecversionInvalid"],
      [HTTP.binary(order("old", { specversion: "0.3" })), {}, 400, "EventSpecversionInvalid"],
      [HTTP.structured(order("nested", { nested: { a: 1 } })), {}, 400, "EventExtensionsAttributeInvalid"],
      [HTTP.binary(order("untyped", { type: undefined }, false)), {}, 400, "EventTypeInvalid"],
      [HTTP.binary(order("latin-1", { subject: "ü" })), {}, 400, "EventExtensionsAttributeInvalid"],
      [HTTP.structured(order("large", { data: "x".repeat(300 * 1024) })), {}, 400, "EventSizeExceed"],
      [batch(order("kept-out"), order("old", { specversion: "0.3" })), {}, 400, "EventSpecversionInvalid"],
      [batch(), {}, 400, "EventDataEmpty"],
      [HTTP.binary(order("e")), { url: `${EVENTS}-absent` }, 404, "EventBusNotExist"],
      [HTTP.binary(order("e")), { authorization: null }, 400, "MissingRequiredHeader"],
      [HTTP.binary(order("e")), { authorization: KEY.slice(0, -4) }, 403, "SignatureDoesNotMatch"],
    ];
    for (const [message, options, status, code] of table) {
      const answer = await post(message, options);
      assert.deepStrictEqual([answer.status, answer.code], [status, code], JSON.stringify(answer));
      assert.ok(answer.message && answer.requestId, JSON.stringify(answer));
    }
    const refused = await emitterFor(httpTransport(EVENTS))(order("e"));
    assert.strictEqual(JSON.parse(refused.body).code, "MissingRequiredHeader", "the transport of the SDK passes the reason on");
  },
};

steps[STEP]().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
