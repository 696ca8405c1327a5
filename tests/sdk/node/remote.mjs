// As growthbook.mjs, by remote evaluation: one request for each shopper.
import { readFileSync, writeFileSync } from "node:fs";
import { configureCache, GrowthBook } from "@growthbook/growthbook";

const { HOST, KEY, FLAG, SHOPPERS, ARMS } = process.env;
configureCache({ disableCache: true });
const arms = [];
for (const attributes of JSON.parse(readFileSync(SHOPPERS, "utf8"))) {
  const seen = [];
  const trackingCallback = (experiment, result) => seen.push(result.key);
  const gb = new GrowthBook({ apiHost: HOST, clientKey: KEY, remoteEval: true, attributes, trackingCallback });
  const { success } = await gb.init({ timeout: 10000 });
  if (!success) throw new Error("no answer");
  const { value } = gb.evalFeature(FLAG);
  arms.push([seen[0] ?? null, value]);
  gb.destroy();
}
writeFileSync(ARMS, JSON.stringify(arms));
