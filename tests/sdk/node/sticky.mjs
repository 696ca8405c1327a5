// Reads devices; writes the arm of each before and after its shopper signs in, with a sticky-bucket service.
import { readFileSync, writeFileSync } from "node:fs";
import { GrowthBook, StickyBucketService } from "@growthbook/growthbook";

class InMemory extends StickyBucketService {
  documents = new Map();
  async getAssignments(name, value) {
    return this.documents.get(this.getKey(name, value)) ?? null;
  }
  async saveAssignments(document) {
    this.documents.set(this.getKey(document.attributeName, document.attributeValue), document);
  }
}

const { HOST, KEY, FLAG, SHOPPERS, ARMS } = process.env;
const payload = await (await fetch(`${HOST}/api/features/${KEY}`)).json();
const stickyBucketService = new InMemory();
const arms = [];
for (const [before, after] of JSON.parse(readFileSync(SHOPPERS, "utf8"))) {
  const gb = new GrowthBook({ stickyBucketService, attributes: before });
  await gb.init({ payload });
  const first = gb.evalFeature(FLAG).experimentResult?.key ?? null;
  await gb.setAttributes(after);
  arms.push([first, gb.evalFeature(FLAG).experimentResult?.key ?? null]);
  gb.destroy();
}
writeFileSync(ARMS, JSON.stringify(arms));
