// Every call of a server SDK once, with the shopper's consent on it.

export const context = {
  consent: { categoryPreferences: { analytics: true, personalization: true } },
};

export function sayEverything(client) {
  const who = { userId: "ada", context };
  client.identify({ ...who, traits: { loyalty: "gold" } });
  client.track({ ...who, event: "Product Viewed", properties: { product_id: "P1", price: 9.5 } });
  client.track({ ...who, event: "Trumpet Blown", properties: { loud: true } });
  client.page({ ...who, name: "Home", properties: { path: "/" } });
  client.screen({ ...who, name: "Start", properties: {} });
  client.group({ ...who, groupId: "friends", traits: { plan: "b2b" } });
  client.alias({ ...who, previousId: "old-ada" });
}
