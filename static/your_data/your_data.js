// Where the shop's pages have this address too, the snippet's memory in this browser follows what was decided here:
// otherwise its next event would repeat the old answer.
"use strict";
const { choices, forget, lookAgain } = document.body.dataset;
const IDS = ["vitrine.visitor", "vitrine.user", "vitrine.queue"];
try {
  const stored = JSON.parse(localStorage.getItem("vitrine.consent"));
  if (forget !== undefined) [...IDS, "vitrine.consent"].forEach((name) => localStorage.removeItem(name));
  else if (choices && stored && stored.decisions) {
    const decisions = { ...stored.decisions, ...JSON.parse(choices) };
    localStorage.setItem("vitrine.consent", JSON.stringify({ decisions, at: new Date().toISOString() }));
    if (!decisions.analytics && !decisions.personalization) IDS.forEach((name) => localStorage.removeItem(name));
  }
} catch (error) { console.info("No memory of the shop's pages:", error); }
// An erasure takes some seconds; what takes longer is looked at by hand.
if (lookAgain !== undefined) setTimeout(() => location.reload(), 3000);
