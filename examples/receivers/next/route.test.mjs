// Calls the route as Next does, without a server: node --test
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { POST } from "./app/webhook/route.js";

const SECRETS = ["whsec_dGhlIG9sZCBvbmU=", "whsec_dGhlIG5ldyBvbmU="];
const BODY = '{"id":"1","status":"COMPLETED","outputUrl":"https://lips.example.com/caf%C3%A9"}';
process.env.WEBHOOK_SECRET = SECRETS.join(",");

const now = () => Math.floor(Date.now() / 1000);
const sign = (body, { secret = SECRETS[1], t = now() } = {}) =>
  `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`;
const call = async (signature, { body = BODY, event = "evt_1" } = {}) => {
  const headers = new Headers({ "webhook-id": event, "postsync-attempt": "1" });
  if (signature !== undefined) headers.set("sync-signature", signature);
  return (await POST(new Request("http://127.0.0.1/webhook", { method: "POST", headers, body }))).status;
};

test("takes what either secret has signed, and takes it again", async () => {
  for (const secret of SECRETS) assert.equal(await call(sign(BODY, { secret })), 200);
});

test("refuses everything else", async () => {
  for (const signature of [
    undefined,
    "",
    sign(BODY, { secret: "whsec_YW5vdGhlciBvbmU=" }),
    sign(BODY, { t: now() - 301 }),
    sign(BODY, { t: now() + 310 }),
    sign(BODY + "\n"),
    sign(BODY).slice(0, -1),
    sign(BODY).replace(",v1=", ", v1="),
    sign(BODY).toUpperCase(),
  ]) assert.equal(await call(signature), 400, signature);
  assert.equal(await call(sign(BODY), { body: BODY.replace("COMPLETED", "FAILED") }), 400);
  assert.equal(await call(sign(""), { body: "not JSON" }), 400);
});

test("reads no more than a webhook can have", async () => {
  const large = JSON.stringify({ id: "1", status: "COMPLETED", note: "x".repeat(1024 * 1024) });
  assert.equal(await call(sign(large), { body: large }), 413);
});

test("says of an event that comes again that it does", async (t) => {
  const said = t.mock.method(console, "log", () => {});
  for (let i = 0; i < 2; i += 1) await call(sign(BODY), { event: "evt_twice" });
  const repeated = said.mock.calls.map((one) => JSON.parse(one.arguments[0]).repeated);
  assert.deepEqual(repeated, [false, true]);
});
