// Receivers that get it wrong, one function each. Called as `node receivers.mjs NAME` with {header, body, before, secret} on stdin;
// prints what such a receiver has in its hands when its check fails: {signature, body}. One that computes another signature than
// the one that came gives that, in the header's form.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

const asked = JSON.parse(readFileSync(0, "utf8"));
const time = asked.header.match(/t=(\d+)/)[1];
const computed = (signature) => ({ signature: `t=${time},v1=${signature}`, body: asked.body });
const seen = (body) => ({ signature: asked.header, body });
const payload = `${time}.${asked.body}`;

const receivers = {
  right: () => computed(createHmac("sha256", asked.secret).update(payload).digest("hex")),
  // express.json() ran first, and what is checked is a print of req.body for people.
  printedPretty: () => seen(JSON.stringify(JSON.parse(asked.body), null, 2)),
  // express.json() ran first, and the object was made a string by `${req.body}`.
  printedObject: () => seen(`${JSON.parse(asked.body)}`),
  // Headers split into lists, of which the first entry is taken.
  headerOfList: () => ({ signature: asked.header.split(",")[0], body: asked.body }),
  // The key as Standard Webhooks has it.
  decodedKey: () => {
    const key = Buffer.from(asked.secret.replace("whsec_", ""), "base64");
    return computed(createHmac("sha256", key).update(payload).digest("hex"));
  },
  // As GitHub has it: no time.
  bodyAlone: () => computed(createHmac("sha256", asked.secret).update(asked.body).digest("hex")),
  // As Shopify has it.
  base64Digest: () => computed(createHmac("sha256", asked.secret).update(payload).digest("base64")),
  // The raw body is kept in a variable of the module, which the next request writes over.
  sharedVariable: () => {
    let raw = "";
    const verifyHook = (body) => { raw = body; };
    verifyHook(asked.body);
    verifyHook(asked.before);
    return seen(raw);
  },
};

console.log(JSON.stringify(receivers[process.argv[2]]()));
