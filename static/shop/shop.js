// The demo shop's own code: what any shop writes to use the snippet.
"use strict";
const { key, user, userHash } = document.body.dataset;
vitrine.init({ key, host: "", user: user ? { id: user, hash: userHash } : null, debug: location.search.includes("debug") });

function drawShelves() {
  return Promise.all([...document.querySelectorAll("[data-placement]")].map((shelf) => vitrine.recommend(shelf.dataset.placement, {
    into: shelf,
    limit: shelf.dataset.limit,
    product_id: shelf.dataset.products.split(",").filter(Boolean),
  }).then((slate) => { keepOnly(shelf, slate); callWhatItIs(shelf, slate); }))).then(() => { document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1); });
}
// A shelf of what was looked at is no place for what fills a short list.
function keepOnly(shelf, slate) {
  if (!slate || !shelf.dataset.onlyFor) return;
  const kept = slate.items.filter((item) => item.reason.code === shelf.dataset.onlyFor).map((item) => item.product_id);
  shelf.querySelectorAll("[data-vitrine-item]").forEach((node) => { node.hidden = !kept.includes(node.dataset.vitrineItem); });
  shelf.hidden = !kept.length;
}
// Who said no, or nothing yet, is promised nothing personal.
function callWhatItIs(shelf, slate) {
  if (!slate) return;
  if ("onlyPersonal" in shelf.dataset && !slate.personalized) shelf.hidden = true;
  if (!shelf.dataset.impersonal) return;
  const heading = slate.personalized ? shelf.dataset.personal : shelf.dataset.impersonal;
  shelf.querySelector("h2").textContent = heading;
  shelf.querySelector("ul").setAttribute("aria-label", heading);
}
drawShelves();
document.addEventListener("vitrine:consent", drawShelves);
document.querySelectorAll("[data-visitor]").forEach((field) => {
  field.form.addEventListener("submit", () => { field.value = vitrine.visitor() || ""; });
});
