// Says what the draft in the form would do while it is written, and replays yesterday with it when asked.
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
  } catch (error) {
    if (error.name === "AbortError") return; // a later change asks again
    result.textContent = "There was no answer. Try again.";
  }
  result.removeAttribute("aria-busy");
}

for (const button of document.querySelectorAll("[data-try]")) {
  button.type = "button"; // else Enter in a field would try and not save
  button.onclick = () => attempt(button);
}

const check = document.querySelector("[data-try=check]");
if (check) {
  let timer;
  for (const kind of ["input", "change"])
    check.form.addEventListener(kind, () => { clearTimeout(timer); timer = setTimeout(() => attempt(check), 400); });
  const isWorded = [...check.form.querySelectorAll("[data-picker]")].some((field) => field.value);
  if (isWorded || check.form.elements.rule_id) attempt(check);
}
