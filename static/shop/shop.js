// The demo shop's own script: what any shop writes to use the snippet.
"use strict";
const { key, user, userHash } = document.body.dataset;
vitrine.init({ key, host: "", user: user ? { id: user, hash: userHash } : null, debug: location.search.includes("debug") });

// One call for the whole page: no product comes twice. The carousels choose in the order of the page.
function drawCarousels() {
  const all = [...document.querySelectorAll("[data-placement]")];
  const carousels = all.filter((carousel) => vitrine.allowed("personalization") || !("onlyPersonal" in carousel.dataset));
  all.filter((carousel) => !carousels.includes(carousel)).forEach((carousel) => { carousel.hidden = true; });
  const slots = carousels.map((carousel) => ({
    into: carousel,
    placement: carousel.dataset.placement,
    limit: Number(carousel.dataset.limit),
    deadline_ms: 3000, // a demo on a busy machine rather waits than shows popular products
    product_id: carousel.dataset.products.split(",").filter(Boolean),
  }));
  const answers = slots.length ? vitrine.recommendPage(slots) : Promise.resolve(null);
  return answers.then((slates) => {
    carousels.forEach((carousel) => setHeading(carousel, (slates || {})[carousel.dataset.placement]));
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  });
}
// Without consent, the heading must not promise a personal list.
function setHeading(carousel, slate) {
  if (!slate) return;
  if ("onlyPersonal" in carousel.dataset && !slate.personalized) carousel.hidden = true;
  if (!carousel.dataset.impersonal) return;
  const heading = slate.personalized ? carousel.dataset.personal : carousel.dataset.impersonal;
  carousel.querySelector("h2").textContent = heading;
  carousel.querySelector("ul").setAttribute("aria-label", heading);
}
drawCarousels();
document.addEventListener("consentchange", drawCarousels);
document.querySelectorAll("[data-visitor]").forEach((field) => {
  field.form.addEventListener("submit", () => { field.value = vitrine.visitor() || ""; });
});
