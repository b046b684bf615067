// Serves app/webhook/route.js without Next, as Next would call it: to try the route, and nothing that you need to copy.
import { createServer } from "node:http";
import { POST } from "./app/webhook/route.js";

const { PORT = "3000", HOST = "127.0.0.1", WEBHOOK_SECRET } = process.env;
if (!WEBHOOK_SECRET) {
  console.error("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...");
  process.exit(2);
}

const server = createServer(async (req, res) => {
  if (req.method !== "POST" || req.url.split("?")[0] !== "/webhook") return res.writeHead(404).end();
  const { method, headers } = req;
  const answer = await POST(new Request(`http://${HOST}${req.url}`, { method, headers, body: req, duplex: "half" }));
  res.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
});
server.on("error", (error) => {
  console.error(`${HOST}:${PORT} can't be listened on: ${error.message}; PORT takes another one`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => console.error(`listening on http://${HOST}:${server.address().port}/webhook`));
