// A webhook receiver in Node without a framework, on the raw bytes: both signature schemes, with a tolerance and with several secrets.
//
// PORT, HOST        where to listen (3000, 127.0.0.1; PORT=0 takes a free one, named on stderr)
// WEBHOOK_SECRET    the signing secret, whsec_...; two, separated by a comma, while one is rotated
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const TOLERANCE_S = 300;
const BODY_BYTES_MAX = 1024 * 1024;

const equal = (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
const fresh = (t, nowS) => Math.abs(nowS - Number(t)) <= TOLERANCE_S;

/** Sync-Signature: `t=<unix s>,v1=<hex>`; the key is the whole secret, with its whsec_. `raw` is a Buffer. */
export const verifySync = (raw, headers, secrets, nowS = Date.now() / 1000) => {
  const [, t, received] = headers["sync-signature"]?.match(/^t=(\d+),v1=([0-9a-f]{64})$/) ?? [];
  if (!received || !fresh(t, nowS)) return false;
  return secrets.some((secret) => equal(received, createHmac("sha256", secret).update(`${t}.`).update(raw).digest("hex")));
};

/** Standard Webhooks: `v1,<base64>`, several separated by spaces; the key is the base64-decoded part after whsec_. */
export const verifyStandard = (raw, headers, secrets, nowS = Date.now() / 1000) => {
  const { "webhook-id": id, "webhook-timestamp": t, "webhook-signature": signatures } = headers;
  if (!id || !t || !signatures || !fresh(t, nowS)) return false;
  return secrets.some((secret) => {
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    const expected = "v1," + createHmac("sha256", key).update(`${id}.${t}.`).update(raw).digest("base64");
    return signatures.split(" ").some((received) => equal(received, expected));
  });
};

const read = async (req) => {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error("The body is too large.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const receive = (secrets) => async (req, res) => {
  const raw = await read(req).catch(() => Buffer.alloc(0));
  const verified = verifySync(raw, req.headers, secrets);
  const { id = null, status = null } = verified ? JSON.parse(raw) : {};
  console.log(JSON.stringify({ verified, id, status, attempt: Number(req.headers["postsync-attempt"] ?? 0) }));
  res.writeHead(verified ? 200 : 400).end();
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { PORT = "3000", HOST = "127.0.0.1", WEBHOOK_SECRET = "" } = process.env;
  const secrets = WEBHOOK_SECRET.split(",").filter(Boolean);
  if (secrets.length === 0) {
    console.error("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...");
    process.exit(2);
  }
  const server = createServer(receive(secrets));
  server.on("error", (error) => {
    console.error(`${HOST}:${PORT} can't be listened on: ${error.message}; PORT takes another one`);
    process.exit(1);
  });
  server.listen(Number(PORT), HOST, () => console.error(`listening on http://${HOST}:${server.address().port}/webhook`));
}
