// What an application does with the official Node SDK, with only the base URL changed. Prints one JSON object: what came
// back of each call. It judges nothing: the Rust test does, so that a failure shows the whole answer.
import fs from "node:fs";
import { Sync, SyncClient } from "@sync.so/sdk";

const { BASE_URL: baseUrl, API_KEY: apiKey, VIDEO: video, AUDIO: audio, WEBHOOK_URL: webhookUrl } = process.env;
const FILE_MODEL = "lipsync-2-pro"; // routed to the built-in model
const URL_MODEL = "lipsync-2"; // routed to passthrough
const VIDEO_URL = "https://media.example.com/in.mp4";
const AUDIO_URL = "https://media.example.com/in.wav";

const sync = new SyncClient({ baseUrl, apiKey });
const urls = [{ type: "video", url: VIDEO_URL }, { type: "audio", url: AUDIO_URL }];

const ended = async (id) => {
  for (;;) {
    const generation = await sync.generations.get(id);
    if (!["PENDING", "PROCESSING"].includes(generation.status)) return generation;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

// The class that an application would catch, and what it can read from it.
const thrown = async (call) => {
  try {
    return { returned: await call() };
  } catch (error) {
    const typed = Object.entries(Sync).find(([, type]) => typeof type === "function" && error instanceof type);
    return { class: typed ? typed[0] : error.constructor.name, statusCode: error.statusCode, body: error.body };
  }
};

const byUrl = async () => {
  const created = await sync.generations.create({
    model: URL_MODEL, input: urls, options: { sync_mode: "loop", temperature: 0.5 }, webhookUrl,
  });
  return { created, ended: await ended(created.id) };
};

// No Content-Length, a name from the path, application/octet-stream.
const byStream = async () => {
  const created = await sync.generations.createWithFiles(fs.createReadStream(video), fs.createReadStream(audio), {
    model: FILE_MODEL, options: { sync_mode: "cut_off" }, webhookUrl,
  });
  const made = await ended(created.id);
  const download = made.outputUrl ? await fetch(made.outputUrl) : undefined;
  const bytes = download ? Buffer.from(await download.arrayBuffer()) : Buffer.alloc(0);
  return {
    created, ended: made, bytes: bytes.length, brand: bytes.subarray(4, 8).toString("latin1"),
    type: download?.headers.get("content-type"),
  };
};

// The file is called "blob", and each item of `input` is a part of its own.
const byBlobAndInput = async () => {
  const blob = new Blob([fs.readFileSync(audio)], { type: "audio/wav" });
  const created = await sync.generations.createWithFiles(undefined, blob, { model: URL_MODEL, input: urls });
  return { created, ended: await ended(created.id) };
};

const listed = async (filter) => (await sync.generations.list(filter)).map(({ id, status }) => ({ id, status }));

const main = async () => {
  const url = await byUrl();
  const stream = await byStream();
  const blob = await byBlobAndInput();
  const ids = [url.created.id, stream.created.id];
  const stranger = new SyncClient({ baseUrl, apiKey: "not-a-key" });
  return {
    models: await sync.models.list(),
    url,
    stream,
    blob,
    lists: {
      all: await listed(),
      ids: await listed({ ids }),
      completed: await listed({ ids, status: ["COMPLETED"] }),
      unfinished: await listed({ ids, status: ["PENDING", "FAILED"] }),
    },
    errors: {
      model: await thrown(() => sync.generations.create({ model: "lipsync-9", input: urls })),
      form: await thrown(() => sync.generations.createWithFiles(undefined, undefined, { model: URL_MODEL, input: [urls[0]] })),
      key: await thrown(() => stranger.models.list()),
      keyOfCreate: await thrown(() => stranger.generations.create({ model: URL_MODEL, input: urls })),
      id: await thrown(() => sync.generations.get("6533643b-aceb-4c40-967e-d9ba9baac39e")),
      oddId: await thrown(() => sync.generations.get("no such/id")),
    },
  };
};

console.log(JSON.stringify(await main()));
