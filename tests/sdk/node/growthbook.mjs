// Reads shoppers (JSON list of attributes) and writes the arm that GrowthBook's SDK gives each, null outside.
import { readFileSync, writeFileSync } from "node:fs";
import { GrowthBookClient } from "@growthbook/growthbook";

const { HOST, KEY, FLAG, SHOPPERS, ARMS } = process.env;
const client = new GrowthBookClient({ apiHost: HOST, clientKey: KEY });
const { success } = await client.init({ timeout: 10000 });
if (!success) throw new Error("no payload");
const arms = JSON.parse(readFileSync(SHOPPERS, "utf8")).map((attributes) => {
  const result = client.evalFeature(FLAG, { attributes });
  return result.source === "experiment" ? [result.experimentResult.key, result.value] : [null, result.value];
});
writeFileSync(ARMS, JSON.stringify(arms));
