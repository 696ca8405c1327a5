import Analytics from "@rudderstack/rudder-sdk-node";
import { sayEverything } from "./calls.mjs";

const client = new Analytics(process.env.KEY, { dataPlaneUrl: process.env.HOST, retryCount: 0 });
sayEverything(client);
client.flush((error) => {
  if (error) console.error(String(error));
  process.exit(error ? 1 : 0);
});
