// The official Node.js client for message queues, which signs another date and spells parameters its own way.
// Called by test_node_sdks.py with the address and keys in the environment; ends with 0 when all is well.

const assert = require("node:assert");
const MNSClient = require("@alicloud/mns");

const { API, KEY_ID, KEY_SECRET, QUEUE } = process.env;

const client = new MNSClient("1234567890123456", { endpoint: `http://${API}`, accessKeyId: KEY_ID, accessKeySecret: KEY_SECRET });

async function refused(promise, name) {
  const error = await promise.then(() => null, (error) => error);
  assert.ok(error, `${name} was expected`);
  assert.strictEqual(error.name, name, error.message);
}

(async () => {
  const created = await client.createQueue(QUEUE, { VisibilityTimeout: 60 });
  assert.deepStrictEqual([created.code, created.headers.location], [201, `http://${API}/queues/${QUEUE}`]);
  assert.strictEqual((await client.createQueue(QUEUE, { VisibilityTimeout: 60 })).code, 204);
  await refused(client.createQueue(QUEUE), "MNSQueueAlreadyExistError");
  assert.strictEqual((await client.setQueueAttributes(QUEUE, { DelaySeconds: 0, PollingWaitSeconds: 1 })).code, 204);
  assert.strictEqual((await client.getQueueAttributes(QUEUE)).body.PollingWaitSeconds, "1");
  assert.deepStrictEqual((await client.listQueue(undefined, 10, QUEUE)).body.map((found) => found.QueueURL), [created.headers.location]);

  const text = "<&> \"ü\" 😀";
  // This client writes texts into its documents as they are.
  const written = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const sent = await client.sendMessage(QUEUE, { MessageBody: written, Priority: 1 });
  assert.strictEqual(sent.code, 201);
  assert.strictEqual((await client.peekMessage(QUEUE)).body.MessageBody, text);
  const received = (await client.receiveMessage(QUEUE)).body;
  assert.deepStrictEqual([received.MessageId, received.MessageBody, received.DequeueCount], [sent.body.MessageId, text, "1"]);
  const changed = (await client.changeMessageVisibility(QUEUE, received.ReceiptHandle, 30)).body;
  await refused(client.deleteMessage(QUEUE, received.ReceiptHandle), "MNSMessageNotExistError");
  assert.strictEqual((await client.deleteMessage(QUEUE, changed.ReceiptHandle)).code, 204);
  await refused(client.receiveMessage(QUEUE), "MNSMessageNotExistError");

  await client.batchSendMessage(QUEUE, [{ MessageBody: "a" }, { MessageBody: "b" }]);
  assert.strictEqual((await client.batchPeekMessage(QUEUE, 16)).body.length, 2);
  const batch = (await client.batchReceiveMessage(QUEUE, 16)).body;
  assert.deepStrictEqual(batch.map((one) => one.MessageBody), ["a", "b"]);
  const handles = batch.map((one) => one.ReceiptHandle);
  assert.strictEqual((await client.batchDeleteMessage(QUEUE, handles)).code, 204);
  const failed = await client.batchDeleteMessage(QUEUE, handles);
  assert.deepStrictEqual([failed.code, failed.body.map((one) => one.ErrorCode)], [404, ["MessageNotExist", "MessageNotExist"]]);
  assert.strictEqual((await client.deleteQueue(QUEUE)).code, 204);
  await refused(client.getQueueAttributes(QUEUE), "MNSQueueNotExistError");
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
