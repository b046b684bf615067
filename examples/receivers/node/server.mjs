// A webhook receiver in Node without a framework, on the raw bytes of the body.
//   WEBHOOK_SECRET=whsec_... PORT=3000 ./run      Node 18 or newer; nothing is installed
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const BODY_BYTES_MAX = 1024 * 1024; // a webhook is under 100 kB

const { PORT = "3000", HOST = "127.0.0.1", WEBHOOK_SECRET = "" } = process.env;
const secrets = WEBHOOK_SECRET.split(",").filter(Boolean); // two, separated by a comma, while one is rotated
if (secrets.length === 0) {
  console.error("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...");
  process.exit(2);
}

const verify = (raw, header) => {
  const [, t, received] = header?.match(/^t=(\d+),v1=([0-9a-f]{64})$/) ?? [];
  if (!received || Math.abs(Date.now() / 1000 - Number(t)) > 300) return false; // older than 5 minutes: somebody may have recorded it
  const sign = (secret) => createHmac("sha256", secret).update(`${t}.`).update(raw).digest("hex");
  return secrets.some((secret) => timingSafeEqual(Buffer.from(received), Buffer.from(sign(secret))));
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

// What came already. In production it is a unique column of your database, written together with what the event changes.
const handled = new Set();

const receive = async (req, res) => {
  if (req.method !== "POST" || req.url.split("?")[0] !== "/webhook") return res.writeHead(404).end();
  const raw = await read(req).catch(() => Buffer.alloc(0));
  const verified = verify(raw, req.headers["sync-signature"]);
  res.writeHead(verified ? 200 : 400).end();
  if (!verified) return console.log(JSON.stringify({ verified }));
  const { id, status } = JSON.parse(raw);
  const event = req.headers["webhook-id"] ?? `${id} ${status}`; // the same in every attempt
  const repeated = handled.has(event);
  handled.add(event);
  console.log(JSON.stringify({ verified, id, status, attempt: Number(req.headers["postsync-attempt"]), event, repeated }));
  if (!repeated) { /* Here your own work begins: put it on a queue. */ }
};

const server = createServer(receive);
server.on("error", (error) => {
  console.error(`${HOST}:${PORT} can't be listened on: ${error.message}; PORT takes another one`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => console.error(`listening on http://${HOST}:${server.address().port}/webhook`));
