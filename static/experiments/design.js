// Works out audience and size while a design is written, and previews its arms when asked.
// Without this script each button opens the same as a page.
const form = document.querySelector("[data-design]");
const asking = {};

async function attempt(button) {
  const { try: name } = button.dataset, result = form.querySelector(`[data-result=${name}]`);
  asking[name]?.abort();
  asking[name] = new AbortController();
  const fields = { method: "POST", body: new FormData(form), credentials: "same-origin", headers: { "X-Requested-With": "fetch" }, signal: asking[name].signal };
  result.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(button.formAction, fields);
    if (!answer.ok) throw new Error(answer.statusText);
    result.innerHTML = await answer.text();
    if (name === "size") summarize(result);
  } catch (error) {
    if (error.name === "AbortError") return; // a later change asks again
    result.textContent = "There was no answer. Try again.";
  }
  result.removeAttribute("aria-busy");
}

// Beside the button that saves, where it can be read from the end of the form.
function summarize(result) {
  form.querySelector("[data-size-summary]").textContent = result.querySelector("[data-size]")?.textContent ?? "";
}

for (const button of form.querySelectorAll("[data-try]")) {
  button.type = "button"; // else Enter in a field would try and not save
  button.onclick = () => attempt(button);
}

const size = form.querySelector("[data-try=size]");
if (size) {
  let timer;
  for (const kind of ["input", "change"])
    form.addEventListener(kind, ({ target }) => {
      if (target.name) { clearTimeout(timer); timer = setTimeout(() => attempt(size), 400); }
    });
  attempt(size);
}

// Another kind of change has other fields, which the server draws; what was typed stays.
const kind = form.querySelector("[data-kind]");
if (kind) {
  kind.hidden = true;
  form.elements.payload_kind.addEventListener("change", () => form.requestSubmit(kind));
}

// A row of the audience shows the fields that its choice uses.
function choose(row) {
  const what = row.querySelector("select[name$=-what]").value, [kind] = what.split(":");
  row.querySelector("input[name$=-name]").closest(".wide").hidden = kind !== "page";
  row.querySelector("input[name$=-value]").closest(".wide").hidden = ["", "segment", "consent"].includes(kind);
}

for (const row of form.querySelectorAll("#audience .v-row")) {
  row.addEventListener("change", () => choose(row));
  choose(row);
}
