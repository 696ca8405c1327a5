// As growthbook.mjs, by OpenFeature's provider for browsers: one bulk request for each shopper.
import { readFileSync, writeFileSync } from "node:fs";
import { OpenFeature } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";

const { HOST, KEY, FLAG, SHOPPERS, ARMS } = process.env;
const provider = new OFREPWebProvider({
  baseUrl: HOST, headers: [["Authorization", `Bearer ${KEY}`]], cacheMode: "disabled", changeDetection: "none",
});
const shoppers = JSON.parse(readFileSync(SHOPPERS, "utf8"));
await OpenFeature.setContext(shoppers[0]);
await OpenFeature.setProviderAndWait(provider);
const arms = [];
for (const attributes of shoppers) {
  await OpenFeature.setContext({ ...attributes, targetingKey: attributes.id });
  const details = OpenFeature.getClient().getObjectDetails(FLAG, {});
  if (details.errorCode) throw new Error(`${attributes.id}: ${details.errorMessage}`);
  arms.push([details.flagMetadata.participates ? details.variant : null, details.value]);
}
writeFileSync(ARMS, JSON.stringify(arms));
await OpenFeature.close();
