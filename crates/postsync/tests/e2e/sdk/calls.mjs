// Every call of the official Node SDK, with only the base URL changed: once each, with arguments that are right or (WRONG=1) not.
// Prints one JSON object: what the SDK has to call, and what came of each. It judges nothing: the Rust test does.
import fs from "node:fs";
import { Sync, SyncClient, SyncError } from "@sync.so/sdk";

const { BASE_URL: baseUrl, API_KEY: apiKey, VIDEO: video, AUDIO: audio, LINES: lines, WRONG } = process.env;
const { GENERATION: generation, BATCH: batch, ASSET: asset } = process.env;
const wrong = Boolean(WRONG);
const sync = new SyncClient({ baseUrl, apiKey });

const body = {
  model: wrong ? "lipsync-9" : "lipsync-2",
  input: [
    { type: "video", url: "https://media.example.com/in.mp4" },
    { type: "audio", url: "https://media.example.com/in.wav" },
  ],
};
// An error is wanted, not what is behind three attempts: a stream could not be sent again anyway.
const once = { maxRetries: 0 };
const stream = (path) => fs.createReadStream(path);

const calls = {
  "models.list": () => sync.models.list(once),
  "generations.create": () => sync.generations.create(body, once),
  // A form from streams: chunked, without a length.
  "generations.createWithFiles": () =>
    sync.generations.createWithFiles(stream(video), wrong ? undefined : stream(audio), { model: "lipsync-2" }, once),
  "generations.get": () => sync.generations.get(generation, once),
  "generations.list": () => sync.generations.list({ status: [wrong ? "DONE" : "COMPLETED"] }, once),
  "generations.estimateCost": () => sync.generations.estimateCost(body, once),
  "batch.create": () => sync.batch.create(stream(wrong ? audio : lines), {}, once),
  "batch.get": () => sync.batch.get(batch, once),
  "batch.list": () => sync.batch.list({ status: wrong ? "DONE" : "COMPLETED" }, once),
  "assets.list": () => sync.assets.list({ limit: wrong ? 1000 : 10, sortBy: "dateDesc" }, once),
  "assets.get": () => sync.assets.get(asset, once),
};

// What the SDK can do, from itself.
const known = () => {
  const clients = Object.entries(Object.getOwnPropertyDescriptors(SyncClient.prototype)).filter(([, { get }]) => get);
  const methods = (name) => Object.getOwnPropertyNames(Object.getPrototypeOf(sync[name]));
  const isCall = (name) => name !== "constructor" && !name.startsWith("_");
  return clients.flatMap(([name]) => methods(name).filter(isCall).map((method) => `${name}.${method}`));
};

// The class that an application would catch, and what it can read from it.
const outcome = async (call) => {
  try {
    return { returned: await call() };
  } catch (error) {
    const typed = Object.entries(Sync).find(([, type]) => typeof type === "function" && error instanceof type);
    const name = typed ? typed[0] : error.constructor.name;
    return { class: name, isSyncError: error instanceof SyncError, statusCode: error.statusCode, body: error.body };
  }
};

const outcomes = {};
for (const [name, call] of Object.entries(calls)) outcomes[name] = await outcome(call);
console.log(JSON.stringify({ known: known(), outcomes }));
