// Opens the streams of both SDKs; prints a line when each is ready, and when each has the change.
import { EventSource } from "eventsource";
import { GrowthBook, setPolyfills } from "@growthbook/growthbook";
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";

globalThis.EventSource = EventSource;
setPolyfills({ EventSource });
const { HOST, KEY, FLAG } = process.env;
const attributes = { id: "ada", anonymous_id: "a1", consent: { experiments: true } };

const gb = new GrowthBook({ apiHost: HOST, clientKey: KEY, attributes });
await gb.init({ timeout: 10000, streaming: true });
const before = JSON.stringify(gb.getFeatures());
gb.setRenderer(() => JSON.stringify(gb.getFeatures()) !== before && console.log(`growthbook ${Date.now()}`));

await OpenFeature.setContext({ ...attributes, targetingKey: attributes.id });
await OpenFeature.setProviderAndWait(
  new OFREPWebProvider({ baseUrl: HOST, headers: [["Authorization", `Bearer ${KEY}`]], cacheMode: "disabled" }),
);
OpenFeature.addHandler(ProviderEvents.ConfigurationChanged, () => {
  const { value, reason } = OpenFeature.getClient().getObjectDetails(FLAG, {});
  console.log(`openfeature ${Date.now()} ${reason} ${JSON.stringify(value)}`);
});
setTimeout(() => console.log("ready"), 1500);
setTimeout(() => process.exit(1), 30000);
