// Verifies what came with the library of Standard Webhooks: an array of {secret, headers, body} on stdin, one of booleans on stdout.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const verifies = ({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(verifies)));
