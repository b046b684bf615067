// A webhook receiver in Express on the parsed body: the check of Sync's guide, and beside it the age, which the guide leaves out.
//   WEBHOOK_SECRET=whsec_... PORT=3000 ./run      Node 18 or newer; it installs Express beside this file
import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express";

const { PORT = "3000", HOST = "127.0.0.1", WEBHOOK_SECRET = "" } = process.env;
const secrets = WEBHOOK_SECRET.split(",").filter(Boolean); // two, separated by a comma, while one is rotated
if (secrets.length === 0) {
  console.error("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...");
  process.exit(2);
}

// postsync's bodies survive JSON.parse and JSON.stringify byte for byte, so that this check holds. It holds for the default parser only:
// a reviver, or a middleware that changes req.body before the check, breaks it. express-raw does not depend on that.
const verify = (body, header) => {
  const [, t, received] = header?.match(/^t=(\d+),v1=([0-9a-f]{64})$/) ?? [];
  if (!received || Math.abs(Date.now() / 1000 - Number(t)) > 300) return false; // older than 5 minutes: somebody may have recorded it
  const sign = (secret) => createHmac("sha256", secret).update(`${t}.${JSON.stringify(body)}`).digest("hex");
  return secrets.some((secret) => timingSafeEqual(Buffer.from(received), Buffer.from(sign(secret))));
};

// What came already. In production it is a unique column of your database, written together with what the event changes.
const handled = new Set();

const app = express();
app.use(express.json());

app.post("/webhook", (req, res) => {
  const verified = verify(req.body, req.get("Sync-Signature"));
  res.status(verified ? 200 : 400).json({ message: verified ? "Webhook signature verified" : "Invalid signature" });
  if (!verified) return console.log(JSON.stringify({ verified }));
  const { id, status } = req.body;
  const event = req.get("Webhook-Id") ?? `${id} ${status}`; // the same in every attempt
  const repeated = handled.has(event);
  handled.add(event);
  console.log(JSON.stringify({ verified, id, status, attempt: Number(req.get("Postsync-Attempt")), event, repeated }));
  if (!repeated) { /* Here your own work begins: put it on a queue. */ }
});

const server = app.listen(Number(PORT), HOST, (error) => {
  if (error) {
    console.error(`${HOST}:${PORT} can't be listened on: ${error.message}; PORT takes another one`);
    process.exit(1);
  }
  console.error(`listening on http://${HOST}:${server.address().port}/webhook`);
});
