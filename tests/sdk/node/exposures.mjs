// Sees one flag, with GrowthBook's tracking plugin: it uploads the exposure.
import { GrowthBook } from "@growthbook/growthbook";
import { growthbookTrackingPlugin } from "@growthbook/growthbook/plugins";

const { HOST, KEY, FLAG } = process.env;
const gb = new GrowthBook({
  apiHost: HOST,
  clientKey: KEY,
  attributes: JSON.parse(process.env.ATTRIBUTES),
  plugins: [growthbookTrackingPlugin({ ingestorHost: HOST })],
});
await gb.init({ timeout: 10000 });
gb.evalFeature(FLAG);
await new Promise((done) => setTimeout(done, 1500));
gb.destroy();
