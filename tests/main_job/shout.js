// The function of the main job in Node.js: for each new text it writes a shouted copy beside it.

const crypto = require("node:crypto");
const http = require("node:http");

exports.handler = async (event, context) => {
  const document = JSON.parse(event.toString());
  const records = document.events ?? [document.data];
  for (const record of records) {
    const bucket = record.oss.bucket.name;
    const key = record.oss.object.key;
    const text = await call("GET", bucket, key);
    const copy = "shouted/" + key.slice(key.indexOf("/") + 1);
    await call("PUT", bucket, copy, text.toString().toUpperCase());
    context.logger.info(`wrote ${copy}`);
  }
  return { records: records.length };
};

// Calls the object store with the signature of version 1.
function call(method, bucket, key, body) {
  const date = new Date().toUTCString();
  const kind = body === undefined ? "" : "text/plain";
  const text = `${method}\n\n${kind}\n${date}\n/${bucket}/${key}`;
  const signature = crypto.createHmac("sha1", process.env.OSS_ACCESS_KEY_SECRET).update(text).digest("base64");
  const headers = { Date: date, Authorization: `OSS ${process.env.OSS_ACCESS_KEY_ID}:${signature}` };
  if (kind) headers["Content-Type"] = kind;
  const path = `${process.env.OSS_ENDPOINT}/${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
  return new Promise((resolve, reject) => {
    const request = http.request(path, { method, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        const whole = Buffer.concat(parts);
        if (answer.statusCode === 200) resolve(whole);
        else reject(new Error(`${method} ${key}: ${answer.statusCode} ${whole}`));
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}
