// Says what the draft in the form would do while it is written, and previews it or replays yesterday with it when asked.
// Without this script each button opens the same as a page.
const asking = {};

async function attempt(button) {
  const { try: name } = button.dataset, result = document.querySelector(`[data-result=${name}]`);
  asking[name]?.abort();
  asking[name] = new AbortController();
  const fields = { method: "POST", body: new FormData(button.form), credentials: "same-origin", headers: { "X-Requested-With": "fetch" }, signal: asking[name].signal };
  result.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(button.formAction, fields);
    if (!answer.ok) throw new Error(answer.statusText);
    result.innerHTML = await answer.text();
    if (name === "check") summarize(result);
  } catch (error) {
    if (error.name === "AbortError") return; // a later change asks again
    result.textContent = "There was no answer. Try again.";
  }
  result.removeAttribute("aria-busy");
}

// Beside Save, where it can be read while the form is scrolled.
function summarize(result) {
  const bar = document.querySelector("[data-check-summary]"), counts = result.querySelector("[data-counts]")?.textContent;
  const warnings = result.querySelectorAll(".warn").length;
  if (bar) bar.textContent = [counts, warnings ? `${warnings} warning${warnings > 1 ? "s" : ""}.` : ""].filter(Boolean).join(" ");
}

for (const button of document.querySelectorAll("[data-try]")) {
  button.type = "button"; // else Enter in a field would try and not save
  button.onclick = () => attempt(button);
}

// The preview takes the fields of the draft in its address, and not what else a form holds.
const preview = document.querySelector("[data-preview]");

function show(own = {}) {
  const form = preview.closest("form"), fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value && !/^(csrf|initial-|_|name$|active$|shown_version$)/.test(name)) fields.set(name, value);
  const placement = form.elements.placements?.value.split(",")[0].trim();
  if (placement) fields.set("placement", placement);
  for (const [name, value] of Object.entries(own)) fields.set(name, value);
  window.open(`${preview.dataset.preview}?${fields}`, "_blank", "noopener");
}

if (preview) {
  preview.hidden = false;
  preview.onclick = () => show();
  // A list that the check names is opened with the draft.
  document.querySelector("[data-result=check]").addEventListener("click", (event) => {
    const list = event.target.closest("[data-list]");
    if (!list) return;
    event.preventDefault();
    show(Object.fromEntries(new URL(list.href).searchParams));
  });
}

const check = document.querySelector("[data-try=check]");
if (check) {
  let timer;
  for (const kind of ["input", "change"])
    check.form.addEventListener(kind, ({ target }) => { // a box without a name holds words that are still typed
      if (target.name) { clearTimeout(timer); timer = setTimeout(() => attempt(check), 400); }
    });
  const isWorded = [...check.form.querySelectorAll("[data-picker]")].some((field) => field.value);
  if (isWorded || check.form.elements.rule_id) attempt(check);
}
