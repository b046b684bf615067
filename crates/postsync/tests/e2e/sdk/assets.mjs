// The asset calls and the estimate of the official Node SDK, with only the base URL changed. Prints one JSON object: what came back.
import { SyncClient } from "@sync.so/sdk";

const { BASE_URL: baseUrl, API_KEY: apiKey, VIDEO_ASSET: video, AUDIO_ASSET: audio } = process.env;
const sync = new SyncClient({ baseUrl, apiKey });
const names = async (request) => (await sync.assets.list(request)).items.map(({ name }) => name);

const first = await sync.assets.list({ limit: 2, sortBy: "nameAsc" });
const rest = await sync.assets.list({ limit: 2, sortBy: "nameAsc", cursor: first.nextCursor });
const input = [{ type: "video", assetId: video }, { type: "audio", assetId: audio }];

console.log(JSON.stringify({
  all: await sync.assets.list(),
  first,
  rest,
  types: await names({ types: ["VIDEO", "IMAGE"], sortBy: "nameDesc" }),
  search: await names({ searchQuery: "SPEECH" }),
  project: await names({ projectId: "6533643b-aceb-4c40-967e-d9ba9baac39e" }),
  one: await sync.assets.get(video),
  cost: await sync.generations.estimateCost({ model: "lipsync-2", input, options: { sync_mode: "loop" } }),
}));
