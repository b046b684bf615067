// The batch calls of the official Node SDK, with only the base URL changed. Prints one JSON object: what came back of each.
import fs from "node:fs";
import { Sync, SyncClient } from "@sync.so/sdk";

const { BASE_URL: baseUrl, API_KEY: apiKey, WEBHOOK_URL: webhook_url, LINES: lines, BROKEN: broken } = process.env;
const sync = new SyncClient({ baseUrl, apiKey });
const unknown = "6533643b-aceb-4c40-967e-d9ba9baac39e";

const ended = async (id) => {
  for (;;) {
    const batch = await sync.batch.get(id);
    if (["COMPLETED", "FAILED"].includes(batch.status)) return batch;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

const thrown = async (call) => {
  try {
    return { returned: await call() };
  } catch (error) {
    const typed = Object.entries(Sync).find(([, type]) => typeof type === "function" && error instanceof type);
    return { class: typed ? typed[0] : error.constructor.name, statusCode: error.statusCode, body: error.body };
  }
};

const main = async () => {
  const before = new Date(Date.now() - 1000).toISOString();
  const dry = await sync.batch.create(fs.createReadStream(lines), { dry_run: true });
  const created = await sync.batch.create(fs.createReadStream(lines), { webhook_url });
  const made = await ended(created.id);
  const results = await (await fetch(made.outputUrl)).text();
  const ids = async (filter) => (await sync.batch.list(filter)).map(({ id }) => id);
  const stranger = new SyncClient({ baseUrl, apiKey: "not-a-key" });
  return {
    dry,
    created,
    ended: made,
    results: results.trim().split("\n").map((line) => JSON.parse(line)),
    lists: {
      all: await ids(),
      completed: await ids({ status: "COMPLETED", created_after: before }),
      none: await ids({ created_before: before }),
    },
    errors: {
      line: await thrown(() => sync.batch.create(new Blob([fs.readFileSync(broken)]), {})),
      key: await thrown(() => stranger.batch.create(new Blob(["x"]), {})),
      id: await thrown(() => sync.batch.get(unknown)),
    },
  };
};

console.log(JSON.stringify(await main()));
