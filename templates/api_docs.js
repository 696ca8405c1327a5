const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);
document.documentElement.lang = "en";
{% include "drf_spectacular/swagger_ui.js" %}
{% if demo_key %}const fill = () => {
  if (!ui.specSelectors.specJson().size) return setTimeout(fill, 50);
  ui.preauthorizeApiKey("header", "{{ demo_key|escapejs }}");
};
fill();
const choices = document.querySelectorAll("[data-key]");
for (const choice of choices) choice.addEventListener("click", () => {
  ui.preauthorizeApiKey("header", choice.dataset.key);
  choices.forEach((one) => one.setAttribute("aria-pressed", String(one === choice)));
});{% endif %}
