// The official Node.js client for functions, which sends every body in chunks and signs fewer headers.
// Called by test_node_sdks.py with the address and keys in the environment; ends with 0 when all is well.

const assert = require("node:assert");
const { Readable } = require("node:stream");
const FC = require("@alicloud/fc20230330");
const { $OpenApiUtil } = require("@alicloud/openapi-core");

const { API, KEY_ID, KEY_SECRET, NAME, ZIP } = process.env;

const client = new FC.default(new $OpenApiUtil.Config({
  accessKeyId: KEY_ID, accessKeySecret: KEY_SECRET, endpoint: API, protocol: "http", regionId: "cn-hangzhou", readTimeout: 20000,
}));

async function refused(promise, name, code) {
  const error = await promise.then(() => null, (error) => error);
  assert.ok(error, `${code} was expected`);
  assert.deepStrictEqual([error.name, error.code], [name, code], error.message);
}

async function text(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

(async () => {
  const created = (await client.createFunction(new FC.CreateFunctionRequest({ body: new FC.CreateFunctionInput({
    functionName: NAME, runtime: "nodejs20", handler: "index.handler", memorySize: 256, timeout: 10,
    code: new FC.InputCodeLocation({ zipFile: ZIP }), description: "ü",
  }) }))).body;
  assert.deepStrictEqual([created.functionName, created.state, created.description], [NAME, "Active", "ü"]);
  const listed = (await client.listFunctions(new FC.ListFunctionsRequest({ prefix: NAME, limit: 10 }))).body;
  assert.deepStrictEqual(listed.functions.map((found) => found.functionName), [NAME]);
  const updated = (await client.updateFunction(NAME, new FC.UpdateFunctionRequest({ body: new FC.UpdateFunctionInput({ timeout: 20 }) }))).body;
  assert.strictEqual(updated.timeout, 20);
  const answer = await client.invokeFunction(NAME, new FC.InvokeFunctionRequest({ body: Readable.from([Buffer.from("from "), Buffer.from("Node")]) }));
  assert.deepStrictEqual([answer.statusCode, await text(answer.body)], [200, "echo from Node"]);
  const trigger = (await client.createTrigger(NAME, new FC.CreateTriggerRequest({ body: new FC.CreateTriggerInput({
    triggerName: "t", triggerType: "eventbridge", triggerConfig: JSON.stringify({
      triggerEnable: true, eventRuleFilterPattern: '{"source":["nobody"]}', eventSourceConfig: { eventSourceType: "Default" },
    }),
  }) }))).body;
  assert.ok(trigger.triggerId);
  await refused(client.deleteFunction(NAME), "ClientError", "FunctionNotEmpty");
  await client.deleteTrigger(NAME, "t");
  await client.deleteFunction(NAME);
  await refused(client.getFunction(NAME, new FC.GetFunctionRequest({})), "ClientError", "FunctionNotFound");
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
