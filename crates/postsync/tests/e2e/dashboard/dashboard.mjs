// What a person does on the pages, from the sign-in to a rotated secret; pictures of every page; axe-core over each.
// Prints one JSON object. Everything is waited for by what the page shows.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { BASE, KEY, PICTURE, SPEECH, SHOTS, BROWSER, POSTSYNC } = process.env;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 120_000;
const said = { complaints: [], elsewhere: [], dialogs: [], violations: [], wide: [], shots: 0 };

const browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
context.setDefaultTimeout(PATIENCE);
const page = await context.newPage();
let asked = [];
page.on("dialog", (dialog) => { asked.push(dialog.message()); dialog.accept(); });
page.on("console", (message) => {
  // A status that a page is meant to have is no complaint.
  if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) said.complaints.push(message.text());
});
page.on("pageerror", (error) => said.complaints.push(String(error)));
page.on("request", (request) => { if (!request.url().startsWith(BASE) && !request.url().startsWith("data:")) said.elsewhere.push(request.url()); });

const text = (selector) => page.locator(selector).first().innerText();
const until = (selector, wanted) =>
  page.waitForFunction(([s, w]) => document.querySelector(s)?.textContent.trim() === w, [selector, wanted], { timeout: PATIENCE });

// A receiver that is dead until it is mended.
const receiver = createServer((request, response) => { request.resume(); request.on("end", () => response.writeHead(200).end("taken")); });
await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
const { port } = receiver.address();
await new Promise((done) => receiver.close(done));
const hook = `http://127.0.0.1:${port}/hook`;

// Sign in, by keyboard alone.
await page.goto(BASE);
await page.keyboard.type(KEY);
await page.keyboard.press("Enter");
await page.getByRole("heading", { name: "Overview" }).waitFor();
said.navigation = await page.locator("nav a").allInnerTexts();
await page.keyboard.press("Tab");
said.firstFocus = await page.evaluate(() => document.activeElement.textContent);

// A generation by upload, watched without a reload.
await page.getByRole("link", { name: "Generations" }).click();
await page.getByRole("link", { name: "New generation" }).click();
await page.getByLabel("Model").selectOption("mesh-1");
const evil = "\"><img src=x onerror=alert(1)>.png";
await page.getByLabel("or a picture").setInputFiles({ name: evil, mimeType: "image/png", buffer: readFileSync(PICTURE) });
await page.getByLabel("Speech").setInputFiles(SPEECH);
await page.getByLabel("Webhook URL").fill(hook);
await page.getByRole("button", { name: "Create" }).click();
await page.waitForURL(/\/generations\/[0-9a-f-]{36}/);
const generation = page.url().split("?")[0];
await page.evaluate(() => { window.isStillThisPage = true; window.seen = new Set(); window.shift = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => { if (!entry.hadRecentInput) window.shift += entry.value; }))
    .observe({ type: "layout-shift", buffered: true });
  setInterval(() => window.seen.add(document.querySelector("#status")?.textContent), 50); });
await until("#status", "COMPLETED");
said.statuses = await page.evaluate(() => [...window.seen]);
said.reloaded = !(await page.evaluate(() => window.isStillThisPage));

// It plays.
said.played = await page.evaluate(async () => {
  const video = document.querySelector("video");
  video.muted = true;
  await video.play();
  await new Promise((done) => { video.ontimeupdate = () => { if (video.currentTime > 0.2) done(); }; });
  video.pause();
  return `${video.videoWidth}x${video.videoHeight}`;
});
said.shift = await page.evaluate(() => window.shift);

// Its webhook fails against the dead receiver.
await page.locator("#deliveries a[id^='d-']").first().click();
await until("#status", "exhausted");
said.failed = await text("ol.attempts li .mono");
const dead = page.url().split("?")[0];

// The receiver is mended, and gets it.
await new Promise((done) => receiver.listen(port, "127.0.0.1", done));
await page.getByRole("button", { name: "Replay" }).click();
await page.waitForURL((url) => /\/deliveries\/dlv_/.test(url.pathname) && !dead.endsWith(url.pathname));
await until("#status", "delivered");
const replayed = page.url().split("?")[0];
said.answer = (await page.getByLabel("Response").innerText()).includes("taken");

// The secret through its stages.
await page.getByRole("link", { name: "Webhooks" }).click();
said.hidden = !(await page.content()).includes("whsec_");
await page.getByRole("button", { name: "Reveal" }).click();
said.revealed = await text("#secret-current");
said.stages = [];
for (const name of ["Prepare the next", "Switch", "Expire the previous"]) {
  await page.getByRole("button", { name }).click();
  await page.getByRole("status").waitFor();
  said.stages.push(await text("#stage"));
}
said.questions = asked;
asked = said.dialogs;

// An endpoint, tested.
await page.getByLabel("URL").fill(hook);
await page.getByRole("button", { name: "Register" }).click();
await page.waitForURL(/\/webhooks\/endpoints\/ep_/);
const endpoint = page.url().split("?")[0];
await page.getByRole("button", { name: "Send a test event" }).click();
await until("#status", "delivered");

// A replay by filter: counted, then begun.
await page.goto(`${BASE}/replays/new`);
await page.getByLabel("Status").selectOption("exhausted");
await page.getByLabel("also those that were replayed before").check();
await page.getByRole("button", { name: "Count (dry run)" }).click();
said.count = await text("main [role=status]");
asked = said.questions;
await page.getByRole("button", { name: "Replay", exact: true }).click();
await page.waitForURL(/\/replays\/rpl_/);
await page.getByText("done", { exact: true }).waitFor();
const replay = page.url();
asked = said.dialogs;

// Fifty generations a second for five seconds: the list follows, by a few answers and without being loaded again.
await page.goto(`${BASE}/generations`);
await page.evaluate(() => { window.isStillThisPage = true; });
let answers = 0;
page.on("response", (response) => { if (response.url().includes("/generations/live")) answers += 1; });
const create = { model: "lipsync-2", input: [{ type: "video", url: "https://media.example.com/in.mp4" }, { type: "audio", url: "https://media.example.com/in.wav" }] };
const began = Date.now();
let last;
for (let n = 0; n < 250; n += 1) {
  const answer = await fetch(`${BASE}/v2/generate`, { method: "POST", headers: { "x-api-key": KEY, "content-type": "application/json" }, body: JSON.stringify(create) });
  last = (await answer.json()).id;
  const ahead = n * 20 - (Date.now() - began);
  if (ahead > 0) await new Promise((done) => setTimeout(done, ahead));
}
await page.waitForFunction((id) => document.querySelector("#rows tbody a")?.textContent === id, last);
said.flood = { rate: Math.round(250_000 / (Date.now() - began)), answers, seconds: Math.ceil((Date.now() - began) / 1000) };
said.flood.kept = await page.evaluate(() => window.isStillThisPage === true && document.querySelectorAll("#rows tbody tr").length === 50);

// A tab that nobody sees asks for nothing; seen again, it asks at once.
const see = (hidden) => page.evaluate((value) => {
  Object.defineProperty(document, "hidden", { value, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, hidden);
const polled = (request) => request.url().includes("/generations/live");
await see(true);
let whileHidden = 0;
const count = (request) => { if (polled(request)) whileHidden += 1; };
await page.waitForResponse((response) => polled(response.request()), { timeout: 1_500 }).catch(() => {});
page.on("request", count);
await new Promise((done) => setTimeout(done, 3_000));
page.off("request", count);
said.whileHidden = whileHidden;
const again = page.waitForRequest(polled);
await see(false);
await again;

// What is not there by itself: a batch with its rows, a generation that has failed, a destination that is down with a backlog.
const api = async (path, body) => {
  const answer = await fetch(BASE + path, { method: "POST", headers: { "x-api-key": KEY, "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
};
const rows = Array.from({ length: 60 }, (_, n) => ({ request_id: `customer ${n + 1}`, endpoint: "/v2/generate", payload: create }));
const batch = (await api("/v2/batch", { rows })).id;
const failed = (await api("/v2/generate", { ...create, model: "mesh-1", input: create.input.map((one) => ({ ...one, url: "http://127.0.0.1:9/in" })) })).id;
await page.goto(`${BASE}/generations/${failed}`);
await until("#status", "FAILED");
await new Promise((done) => receiver.close(done) && receiver.closeAllConnections());
for (let n = 0; n < 20; n += 1) await api("/v2/generate", { ...create, webhookUrl: `${hook}?n=${n}`, postsync: { schedule: ["0s", "1h"] } });
await page.goto(`${BASE}/destinations`);
await page.getByText("down", { exact: true }).waitFor();

// Every page, in both colours and at both widths.
const pages = {
  overview: "/", generations: "/generations", new: "/generations/new", generation: generation.slice(BASE.length), deliveries: "/deliveries",
  exhausted: dead.slice(BASE.length), delivered: replayed.slice(BASE.length), webhooks: "/webhooks", endpoint: endpoint.slice(BASE.length),
  destinations: "/destinations", destination: `/destinations/one?of=${encodeURIComponent(new URL(hook).origin)}`, batches: "/batches", keys: "/keys", usage: "/usage", replaying: "/replays/new", replay: replay.slice(BASE.length),
  missing: "/generations/nothing", verify: "/webhooks/verify",
  batch: `/batches/${batch}`, failed: `/generations/${failed}`, parked: "/deliveries?status=due", none: "/generations?status=PENDING",
};
// A webhook that was parsed and printed again on its way.
await page.goto(`${BASE}/webhooks`);
await page.getByRole("button", { name: "Reveal" }).click();
const signed = createHmac("sha256", await text("#secret-current")).update('1795422077.{"id":"1","status":"COMPLETED"}').digest("hex");
const signature = `t=1795422077,v1=${signed}`;
const reprinted = '{"id": "1", "status": "COMPLETED"}';

// Pages that answer a form.
const acts = {
  verified: async () => {
    await page.goto(`${BASE}/webhooks/verify`);
    await page.getByLabel("Sync-Signature header").fill(signature);
    await page.getByLabel("Body", { exact: true }).fill(reprinted);
    await page.getByLabel("How old it may be").fill("none");
    await page.getByRole("button", { name: "Check" }).click();
    await until("#verdict", "not verified");
    said.marked = await page.locator("mark").nth(1).innerText();
  },
  revealed: async () => {
    await page.goto(`${BASE}/webhooks`);
    await page.getByRole("button", { name: "Reveal" }).click();
    await page.locator("#secret-current").waitFor();
  },
};
const look = async (view, name, colour, width) => {
  if (SHOTS) await view.screenshot({ path: join(SHOTS, `${name}-${width}-${colour}.png`), fullPage: true });
  said.shots += 1;
  if (await view.evaluate(() => document.documentElement.scrollWidth > innerWidth)) said.wide.push(`${name} at ${width}`);
  await view.evaluate(AXE);
  const found = await view.evaluate(() => axe.run(document));
  for (const violation of found.violations) {
    if (["serious", "critical"].includes(violation.impact)) {
      said.violations.push(`${name} ${width} ${colour}: ${violation.id}: ${violation.nodes.map((node) => node.html).slice(0, 2).join(" ")}`);
    }
  }
};

// Nobody listens; then somebody does, to the receiver that is gone, and holds what it can't hand on.
await page.goto(`${BASE}/webhooks`);
await look(page, "nobody-listens", "light", 1440);
const listener = spawn(POSTSYNC, ["listen", "--forward-to", hook, "--name", "laptop"], { env: { ...process.env, POSTSYNC_SERVER: BASE, POSTSYNC_API_KEY: KEY }, stdio: "ignore" });
await page.getByText("connected", { exact: true }).waitFor();
await api("/v2/generate", create);
await page.getByText(/^holds evt_/).waitFor();
said.listener = await text("#listeners .long.mono");

for (const width of [1440, 390]) {
  await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
  for (const colour of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: colour });
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(BASE + path);
      await look(page, name, colour, width);
    }
    for (const [name, act] of Object.entries(acts)) {
      await act();
      await look(page, name, colour, width);
    }
  }
}
const stranger = await browser.newContext();
const view = await stranger.newPage();
for (const [width, colour] of [[1440, "light"], [1440, "dark"], [390, "light"], [390, "dark"]]) {
  await view.setViewportSize({ width, height: 844 });
  await view.emulateMedia({ colorScheme: colour });
  await view.goto(BASE);
  await look(view, "signin", colour, width);
}

// Without JavaScript a key still signs in.
const plain = await browser.newContext({ javaScriptEnabled: false });
const bare = await plain.newPage();
await bare.goto(BASE);
await bare.getByLabel("API key").fill(KEY);
await bare.getByRole("button", { name: "Sign in" }).click();
said.withoutScripts = (await bare.locator("nav a").allInnerTexts()).length;

await browser.close();
listener.kill();
console.log(JSON.stringify(said));
