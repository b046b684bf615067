// A webhook receiver in Node with Express, on the parsed body: the check of Sync's guide, unchanged in what it computes.
//
// PORT, HOST        where to listen (3000, 127.0.0.1; PORT=0 takes a free one, named on stderr)
// WEBHOOK_SECRET    the signing secret, whsec_...
// TLS_CERT, TLS_KEY PEM files; with both it speaks HTTPS, without them HTTP
//
// Prints one line of JSON per delivery on stdout and answers 400 if the signature is wrong.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import express from "express";

const { PORT = "3000", HOST = "127.0.0.1", WEBHOOK_SECRET, TLS_CERT, TLS_KEY } = process.env;
if (!WEBHOOK_SECRET) {
  console.error("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...");
  process.exit(2);
}

// postsync's bodies survive JSON.parse and JSON.stringify byte for byte, so that this check holds. It holds for the default parser
// only: a reviver, or a middleware that changes req.body before the check, breaks it. raw.mjs does not depend on that.
const verify = (body, header, secret) => {
  const [, t, received] = header?.match(/^t=(\d+),v1=([0-9a-f]{64})$/) ?? [];
  if (!received) return false;
  const expected = createHmac("sha256", secret).update(`${t}.${JSON.stringify(body)}`).digest("hex");
  return timingSafeEqual(Buffer.from(received), Buffer.from(expected));
};

// What was handled already. In production this is a unique column of your database, written together with what the event changes.
const handled = new Set();

const app = express();
app.use(express.json());

app.post("/webhook", (req, res) => {
  const verified = verify(req.body, req.get("Sync-Signature"), WEBHOOK_SECRET);
  const event = req.get("Webhook-Id") ?? null;
  const repeated = verified && event !== null && handled.has(event);
  const { id = null, status = null } = req.body ?? {};
  console.log(JSON.stringify({ verified, id, status, attempt: Number(req.get("Postsync-Attempt") ?? 0), event, repeated }));
  if (!verified) return res.status(400).json({ message: "Invalid signature" });
  if (event !== null && !repeated) handled.add(event); // Here your own work begins: put it on a queue, and answer at once.
  return res.status(200).json({ message: "Webhook signature verified" });
});

const tls = TLS_CERT && TLS_KEY;
const server = tls
  ? createHttps({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, app)
  : createHttp(app);
server.on("error", (error) => {
  console.error(`${HOST}:${PORT} can't be listened on: ${error.message}; PORT takes another one`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.error(`listening on ${tls ? "https" : "http"}://${HOST}:${server.address().port}/webhook`);
});
