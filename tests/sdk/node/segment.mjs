import { Analytics } from "@segment/analytics-node";
import { sayEverything } from "./calls.mjs";

const client = new Analytics({ writeKey: process.env.KEY, host: process.env.HOST, maxRetries: 1 });
client.on("error", (error) => {
  console.error(JSON.stringify(error.ctx?.failedDelivery?.() ?? String(error)));
  process.exitCode = 1;
});
sayEverything(client);
await client.closeAndFlush({ timeout: 15000 });
