// The official Node.js client for buckets, through every operation that the server offers.
// Called by test_node_sdks.py with the address and keys in the environment; ends with 0 when all is well.

const assert = require("node:assert");
const { Readable } = require("node:stream");
const OSS = require("ali-oss");

const { OBJECTS_PORT, KEY_ID, KEY_SECRET, BUCKET, ADDRESSING, SIGNATURE } = process.env;

const ADDRESSINGS = {
  ip: { endpoint: `http://127.0.0.1:${OBJECTS_PORT}` },
  "ip-region": { endpoint: `http://127.0.0.1:${OBJECTS_PORT}`, region: "cn-x" },
  "ip-sld": { endpoint: `http://127.0.0.1:${OBJECTS_PORT}`, sldEnable: true },
  "localhost-sld": { endpoint: `http://localhost:${OBJECTS_PORT}`, sldEnable: true },
};

function client(options = {}) {
  return new OSS({
    accessKeyId: KEY_ID,
    accessKeySecret: KEY_SECRET,
    region: "oss-cn-hangzhou",
    authorizationV4: SIGNATURE === "v4",
    timeout: 20000,
    ...ADDRESSINGS[ADDRESSING],
    ...options,
  });
}

async function refused(promise, code, status) {
  const error = await promise.then(() => null, (error) => error);
  assert.ok(error, `${code} was expected`);
  assert.deepStrictEqual([error.code, error.status], [code, status], error.message);
}

const steps = {
  async buckets(store) {
    await store.putBucket(BUCKET);
    const listed = await store.listBuckets({ prefix: BUCKET });
    assert.deepStrictEqual((listed.buckets ?? []).map((bucket) => bucket.name), [BUCKET]);
    const info = await store.getBucketInfo(BUCKET);
    assert.strictEqual(info.bucket.Name, BUCKET);
    assert.strictEqual((await store.getBucketLocation(BUCKET)).location, "oss-cn-hangzhou");
    assert.strictEqual((await store.getBucketACL(BUCKET)).acl, "private");
    await refused(store.getBucketInfo(`${BUCKET}-absent`), "NoSuchBucket", 404);
    store.useBucket(BUCKET);
  },

  async objects(store) {
    for (const key of ["plain.txt", "a b+c.txt", "ü/日本.txt", "😀", "%20", "a%2Fb", "a//b", "dir/", "!'()*;:@&=+$,?#[]"]) {
      const put = await store.put(key, Buffer.from(`body of ${key}`), { meta: { note: "x" } });
      assert.strictEqual(put.res.status, 200);
      const got = await store.get(key);
      assert.strictEqual(got.content.toString(), `body of ${key}`);
      const head = await store.head(key);
      assert.deepStrictEqual(head.meta, { note: "x" });
      assert.strictEqual((await store.delete(key)).res.status, 204);
      await refused(store.get(key), "NoSuchKey", 404);
    }
    await refused(store.head("absent"), "NoSuchKey", 404);
  },

  async bodies(store) {
    const big = Buffer.alloc(3 * 1024 * 1024, "x");
    await store.put("buffer", big);
    await store.putStream("stream", Readable.from([big.subarray(0, 1000), big.subarray(1000)]));
    for (const key of ["buffer", "stream"]) {
      assert.ok((await store.get(key)).content.equals(big), key);
    }
    await store.put("empty", Buffer.alloc(0));
    assert.strictEqual((await store.get("empty")).content.length, 0);
    const range = await store.get("buffer", { headers: { Range: "bytes=0-9" } });
    assert.deepStrictEqual([range.res.status, range.content.length], [206, 10]);
    const { stream } = await store.getStream("buffer");
    let length = 0;
    for await (const part of stream) length += part.length;
    assert.strictEqual(length, big.length);
  },

  async copies(store) {
    await store.put("from ü", Buffer.from("copied"), { meta: { a: "1" } });
    await store.copy("to", "from ü");
    assert.strictEqual((await store.get("to")).content.toString(), "copied");
    await store.copy("to", "to", { meta: { a: "2" } });
    assert.deepStrictEqual((await store.head("to")).meta, { a: "2" });
    await refused(store.copy("to", "absent"), "NoSuchKey", 404);
  },

  async appends(store) {
    const first = await store.append("log", Buffer.from("one"));
    const second = await store.append("log", Buffer.from("two"), { position: first.nextAppendPosition });
    assert.strictEqual(second.nextAppendPosition, "6");
    assert.strictEqual((await store.get("log")).content.toString(), "onetwo");
    await refused(store.append("log", Buffer.from("x"), { position: "0" }), "PositionNotEqualToLength", 409);
    await store.delete("log");
  },

  async lists(store) {
    for (let i = 0; i < 12; i += 1) await store.put(`list/${i % 3}/k${i}`, Buffer.from("x"));
    const keys = [];
    let marker;
    do {
      const page = await store.list({ prefix: "list/", "max-keys": 5, ...(marker ? { marker } : {}) });
      keys.push(...page.objects.map((object) => object.name));
      marker = page.nextMarker;
    } while (marker);
    assert.strictEqual(new Set(keys).size, 12);
    const folders = await store.listV2({ prefix: "list/", delimiter: "/" });
    assert.deepStrictEqual(folders.prefixes, ["list/0/", "list/1/", "list/2/"]);
    const deleted = await store.deleteMulti(keys, { quiet: false });
    assert.strictEqual(deleted.deleted.length, 12);
    assert.deepStrictEqual((await store.list({ prefix: "list/" })).objects ?? [], []);
  },

  async multiparts(store) {
    const whole = Buffer.alloc(5 * 1024 * 1024 + 1, "m");
    const done = await store.multipartUpload("parts", whole, { partSize: 1024 * 1024 });
    assert.strictEqual(done.res.status, 200);
    assert.ok((await store.get("parts")).content.equals(whole));
    const upload = await store.initMultipartUpload("half");
    await store.uploadPart("half", upload.uploadId, 1, whole.subarray(0, 200 * 1024), 0, 200 * 1024);
    const parts = await store.listParts("half", upload.uploadId);
    assert.strictEqual([].concat(parts.parts).length, 1);
    const uploads = await store.listUploads({ "max-uploads": 10 });
    assert.deepStrictEqual(uploads.uploads.map((found) => found.name), ["half"]);
    await store.abortMultipartUpload("half", upload.uploadId);
    await refused(store.listParts("half", upload.uploadId), "NoSuchUpload", 404);
    await store.multipartUploadCopy("copied-parts", { sourceKey: "parts", sourceBucketName: BUCKET }, { partSize: 1024 * 1024 });
    assert.ok((await store.get("copied-parts")).content.equals(whole));
  },

  async symlinks(store) {
    await store.put("target", Buffer.from("pointed at"));
    await store.putSymlink("link", "target");
    assert.strictEqual((await store.getSymlink("link")).targetName, "target");
    assert.strictEqual((await store.get("link")).content.toString(), "pointed at");
  },

  async tags(store) {
    await store.put("tagged", Buffer.from("x"));
    await store.putObjectTagging("tagged", { colour: "blue" });
    assert.deepStrictEqual((await store.getObjectTagging("tagged")).tag, { colour: "blue" });
    await store.deleteObjectTagging("tagged");
    assert.deepStrictEqual((await store.getObjectTagging("tagged")).tag, {});
  },

  async conditions(store) {
    const { etag } = (await store.put("conditional", Buffer.from("x"))).res.headers;
    await refused(store.get("conditional", { headers: { "If-Match": '"0"' } }), "PreconditionFailed", 412);
    assert.strictEqual((await store.get("conditional", { headers: { "If-Match": etag } })).res.status, 200);
    await refused(store.put("conditional", Buffer.from("y"), { headers: { "x-oss-forbid-overwrite": "true" } }), "FileAlreadyExists", 409);
  },

  async addresses(store) {
    if (!ADDRESSING.endsWith("sld")) return;
    await store.put("signed", Buffer.from("by address"));
    const url = await store.signatureUrlV4("GET", 60, undefined, "signed");
    const answer = await fetch(url);
    assert.deepStrictEqual([answer.status, await answer.text()], [200, "by address"]);
  },

  async refusals(store) {
    await refused(client({ accessKeySecret: "wrong", bucket: BUCKET }).get("buffer"), "SignatureDoesNotMatch", 403);
    await refused(client({ accessKeyId: "LTAInobody", bucket: BUCKET }).get("buffer"), "InvalidAccessKeyId", 403);
    await refused(store.deleteBucket(BUCKET), "BucketNotEmpty", 409);
  },

  async end(store) {
    const left = (await store.list({ "max-keys": 1000 })).objects ?? [];
    await store.deleteMulti(left.map((object) => object.name), { quiet: true });
    assert.strictEqual((await store.deleteBucket(BUCKET)).res.status, 204);
  },
};

(async () => {
  const store = client();
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step(store);
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`failed ${name}`);
      throw error;
    }
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
