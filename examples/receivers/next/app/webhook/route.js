// A webhook receiver as a route of Next.js (App Router): copy it to app/webhook/route.js, and set WEBHOOK_SECRET where the app runs.
// It takes a web Request and answers with a web Response: that is all it needs of Next.
//   WEBHOOK_SECRET=whsec_... PORT=3000 ./run      Node 18 or newer; serves this file without Next, and installs nothing
import { createHmac, timingSafeEqual } from "node:crypto";

export const runtime = "nodejs"; // not edge: node:crypto is needed

const BODY_BYTES_MAX = 1024 * 1024; // a webhook is under 100 kB

const verify = (raw, header) => {
  const [, t, received] = header?.match(/^t=(\d+),v1=([0-9a-f]{64})$/) ?? [];
  if (!received || Math.abs(Date.now() / 1000 - Number(t)) > 300) return false; // older than 5 minutes: somebody may have recorded it
  const secrets = (process.env.WEBHOOK_SECRET ?? "").split(",").filter(Boolean); // two, separated by a comma, while one is rotated
  const sign = (secret) => createHmac("sha256", secret).update(`${t}.`).update(raw).digest("hex");
  return secrets.some((secret) => timingSafeEqual(Buffer.from(received), Buffer.from(sign(secret))));
};

// Null where it is too large: a route of Next sets no limit of its own.
const read = async (request) => {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

// What came already. In production it is a unique column of your database: each instance of a Next app has a memory of its own.
const handled = new Set();

export async function POST(request) {
  const raw = await read(request); // not request.json(): the bytes are what is signed
  if (raw === null) return new Response("The body is too large", { status: 413 });
  if (!verify(raw, request.headers.get("sync-signature"))) {
    console.log(JSON.stringify({ verified: false }));
    return new Response("Invalid signature", { status: 400 });
  }
  const { id, status } = JSON.parse(raw);
  const event = request.headers.get("webhook-id") ?? `${id} ${status}`; // the same in every attempt
  const repeated = handled.has(event);
  handled.add(event);
  const attempt = Number(request.headers.get("postsync-attempt"));
  console.log(JSON.stringify({ verified: true, id, status, attempt, event, repeated }));
  if (!repeated) { /* Here your own work begins: put it on a queue (in Next 15 and newer: after(() => ...)), and answer at once. */ }
  return new Response(null, { status: 200 });
}
