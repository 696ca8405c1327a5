// Many events of one shopper at once; only the first carries the decision.
import { Analytics } from "@segment/analytics-node";

const { KEY: writeKey, HOST: host, USER: userId, EVENTS } = process.env;
const client = new Analytics({ writeKey, host, flushAt: 15, flushInterval: 50, maxRetries: 20 });
client.on("error", (error) => {
  console.error(JSON.stringify(error.ctx?.failedDelivery?.() ?? String(error)));
  process.exitCode = 1;
});
const context = { consent: { categoryPreferences: { analytics: true, personalization: true } } };
console.log("sending");
for (let number = 0; number < Number(EVENTS); number += 1) {
  const properties = { product_id: `P${number}` };
  client.track({ userId, event: "Product Viewed", properties, ...(number === 0 ? { context } : {}) });
}
await client.closeAndFlush({ timeout: 60000 });
