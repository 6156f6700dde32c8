// Runs Node.js functions for Kulkul.
//
// Started with a connection on descriptor 3. The first frame says which function to become; then the function's module
// is loaded, and one request after the other is answered. Everything on the connection is a frame:
//
//     length  4 bytes, little-endian: of what follows
//     kind    1 byte
//     body    length - 1 bytes
//
// The other side, crates/instance/src/frame.rs, says what each kind means. PROTOCOL must be the same there.
"use strict";

const fs = require("fs");
const net = require("net");
const path = require("path");
const util = require("util");
const { pathToFileURL } = require("url");

const PROTOCOL = 1;
const INVOKE = 0x01, INITIALIZE = 0x02, PRE_STOP = 0x03, START = 0x11;
const READY = 0x81, RESULT = 0x82, ERROR = 0x83, TOO_LARGE = 0x84;
const HANDLED = 1, UNHANDLED = 2, UNUSABLE = 0x80;

// Up to this version a handler that is an async function has to call back, like any other.
const LAST_CALLBACK_ONLY_VERSION = 16;

// What a function may change is taken now.
const { exit } = process;
const memoryKib = process.resourceUsage
  ? () => process.resourceUsage().maxRSS
  : () => Math.round(process.memoryUsage().rss / 1024);

// Node.js writes to pipes in the background. What a function prints has to be out before its result, and before the
// process ends.
for (const stream of [process.stdout, process.stderr]) {
  if (stream._handle && stream._handle.setBlocking) stream._handle.setBlocking(true);
}

const connection = new net.Socket({ fd: 3, readable: true, writable: true });
let given; // What the first frame said.
let current = null; // The request under way.

// --- frames ----------------------------------------------------------------------------------------------------------

let chunks = [];
let have = 0;
let need = 5;

connection.on("data", (chunk) => {
  chunks.push(chunk);
  have += chunk.length;
  while (have >= need) {
    if (chunks.length > 1) chunks = [Buffer.concat(chunks, have)];
    const data = chunks[0];
    need = 4 + data.readUInt32LE(0);
    if (have < need) return;
    const kind = data[4];
    const body = data.subarray(5, need);
    chunks = have > need ? [data.subarray(need)] : [];
    have -= need;
    need = 5;
    receive(kind, body);
  }
});
connection.on("end", () => exit(0));
connection.on("error", () => exit(0));

function reply(kind, body, then) {
  const head = Buffer.allocUnsafe(9);
  head.writeUInt32LE(5 + body.length, 0);
  head[4] = kind;
  head.writeUInt32LE(memoryKib() >>> 0, 5);
  if (body.length < 65536) {
    connection.write(Buffer.concat([head, body]), then);
  } else {
    connection.write(head);
    connection.write(body, then);
  }
}

function replyError(flags, report, then) {
  reply(ERROR, Buffer.concat([Buffer.from([flags]), Buffer.from(JSON.stringify(report))]), then);
}

// --- what a function sees --------------------------------------------------------------------------------------------

function log(level, values) {
  const id = current ? current.requestId : "";
  process.stdout.write(`${new Date().toISOString()} ${id} [${level}] ${util.format(...values)}\n`);
}

const logger = {
  debug: (...values) => log("DEBUG", values),
  info: (...values) => log("INFO", values),
  warn: (...values) => log("WARNING", values),
  error: (...values) => log("ERROR", values),
  log: (...values) => log("INFO", values),
};

function makeContext(requestId, qualifier, retryCount) {
  const { context } = given;
  return {
    requestId,
    credentials: Object.assign({}, context.credentials),
    function: {
      name: context.name,
      handler: context.handler,
      memory: context.memory,
      timeout: context.timeout,
      versionId: context.versionId,
      qualifier,
    },
    service: {
      name: "",
      logProject: context.logProject,
      logStore: context.logStore,
      qualifier,
      versionId: context.versionId,
    },
    region: context.region,
    accountId: context.accountId,
    retryCount,
    logger,
    tracing: { openTracingSpanContext: "", openTracingSpanBaggages: {}, jaegerEndpoint: "" },
  };
}

// --- running a function ----------------------------------------------------------------------------------------------

function report(error) {
  if (error instanceof Error || (error && typeof error.stack === "string" && typeof error.message === "string")) {
    return { errorMessage: error.message, errorType: error.name || "Error", stackTrace: error.stack.split("\n") };
  }
  return { errorMessage: typeof error === "string" ? error : util.inspect(error) };
}

function resultBytes(value) {
  if (value === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value === "object") return Buffer.from(JSON.stringify(value));
  return Buffer.from(String(value));
}

async function loadModule(name) {
  const base = path.join(given.codePath, name);
  const exists = (suffix) => fs.existsSync(base + suffix);
  const suffix = [".js", ".cjs", ".mjs"].find(exists);
  if (suffix === undefined) throw new Error(`Cannot find module '${base}.js'`);
  const modules = given.runtimeVersion > LAST_CALLBACK_ONLY_VERSION;
  if (suffix === ".mjs") {
    if (!modules) throw new Error(`Cannot find module '${base}.js'`);
    return import(pathToFileURL(base + suffix).href);
  }
  try {
    return require(base + suffix);
  } catch (error) {
    const isModule = error.code === "ERR_REQUIRE_ESM" || (suffix === ".js" && /Cannot use import statement|Unexpected token 'export'/.test(error.message) && packageIsModule());
    if (!modules || !isModule) throw error;
    return import(pathToFileURL(base + suffix).href);
  }
}

function packageIsModule() {
  try {
    return JSON.parse(fs.readFileSync(path.join(given.codePath, "package.json"), "utf8")).type === "module";
  } catch (_) {
    return false;
  }
}

async function find(handler) {
  const dot = handler.lastIndexOf(".");
  if (dot <= 0) throw new Error(`Handler '${handler}' is not of the form 'file.function'`);
  const [name, exported] = [handler.slice(0, dot), handler.slice(dot + 1)];
  const module = await loadModule(name);
  const found = module[exported] !== undefined ? module[exported] : module.default && module.default[exported];
  if (typeof found !== "function") throw new Error(`Handler '${exported}' missing on module '${path.basename(name)}'`);
  return found;
}

// Calls a handler; `done(error, value, flags)` is called once, whatever the handler does.
function call(handler, parameters, callbackIndex, done) {
  const callback = (error, value) => {
    if (error !== null && error !== undefined) done(error, undefined, HANDLED);
    else done(null, value);
  };
  let returned;
  try {
    returned = handler(...parameters, callback);
  } catch (error) {
    done(error, undefined, UNHANDLED);
    return;
  }
  const promised = returned !== null && typeof returned === "object" && typeof returned.then === "function";
  if (given.runtimeVersion <= LAST_CALLBACK_ONLY_VERSION) {
    // What it resolves to is ignored; that it fails is not.
    if (promised) returned.then(() => {}, (error) => done(error, undefined, UNHANDLED));
  } else if (promised) {
    returned.then((value) => done(null, value), (error) => done(error, undefined, UNHANDLED));
  } else if (returned !== undefined || handler.length <= callbackIndex) {
    done(null, returned);
  }
}

function settle(error, value, flags) {
  if (current === null) return; // Called back twice.
  if (error !== null) {
    if (flags !== HANDLED) console.error(error);
    const failed = report(error);
    current = null;
    replyError(flags, failed, flags & UNUSABLE ? () => exit(1) : undefined);
    return;
  }
  let bytes;
  try {
    bytes = resultBytes(value);
  } catch (conversion) {
    settle(conversion, undefined, UNHANDLED);
    return;
  }
  current = null;
  if (bytes.length > given.responseBytesMax) {
    const size = Buffer.alloc(8);
    size.writeUInt32LE(bytes.length >>> 0, 0);
    reply(TOO_LARGE, size);
  } else {
    reply(RESULT, bytes);
  }
}

// A failure that no handler will report. Whose it is cannot be told, and what it left behind neither.
function failLate(error) {
  if (current === null) {
    console.error(error);
    exit(1);
  }
  settle(error, undefined, UNHANDLED | UNUSABLE);
}
process.on("uncaughtException", failLate);
process.on("unhandledRejection", failLate);

let handler;

async function become(document) {
  given = document;
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, given.environment);
  const searched = [process.env.NODE_PATH, ...given.modulePaths, "/usr/local/lib/node_modules", "/usr/lib/node_modules"];
  process.env.NODE_PATH = searched.filter(Boolean).join(":");
  require("module").Module._initPaths();
  process.chdir(given.codePath);
  process.argv.splice(1);
  try {
    handler = await find(given.handler);
  } catch (error) {
    console.error(error);
    replyError(UNHANDLED | UNUSABLE, report(error), () => exit(1));
    return;
  }
  const version = Buffer.alloc(4);
  version.writeUInt32LE(PROTOCOL, 0);
  reply(READY, version);
}

function receive(kind, body) {
  if (kind === START) {
    become(JSON.parse(body.toString("utf8")));
    return;
  }
  const metaEnd = 2 + body.readUInt16LE(0);
  const [requestId, qualifier, retryCount] = body.toString("utf8", 2, metaEnd).split("\n");
  const context = makeContext(requestId, qualifier, Number(retryCount));
  const request = { requestId };
  current = request;
  const done = (error, value, flags) => {
    if (current === request) settle(error, value, flags);
  };
  if (kind === INVOKE) {
    call(handler, [body.subarray(metaEnd), context], 2, done);
    return;
  }
  const hook = kind === INITIALIZE ? given.initializer : given.preStop;
  find(hook).then(
    (found) => call(found, [context], 1, (error, value, flags) => done(error, error === null ? undefined : value, flags)),
    (error) => done(error, undefined, UNHANDLED),
  );
}
