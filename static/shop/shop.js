// The demo shop's own code: what any shop writes to use the snippet.
"use strict";
const { key, user, userHash } = document.body.dataset;
vitrine.init({ key, host: "", user: user ? { id: user, hash: userHash } : null, debug: location.search.includes("debug") });

function drawShelves() {
  return Promise.all([...document.querySelectorAll("[data-placement]")].map((shelf) => vitrine.recommend(shelf.dataset.placement, {
    into: shelf,
    limit: shelf.dataset.limit,
    product_id: shelf.dataset.products.split(",").filter(Boolean),
  }))).then(() => { document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1); });
}
drawShelves();
document.addEventListener("vitrine:consent", drawShelves);
document.querySelectorAll("[data-visitor]").forEach((field) => {
  field.form.addEventListener("submit", () => { field.value = vitrine.visitor() || ""; });
});
