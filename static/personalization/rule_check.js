// Says what the draft in the form would do while it is written. Without this script the button opens the same as a page.
const button = document.querySelector("[data-check]");
if (button) {
  const form = button.form, result = document.querySelector("[data-result]");
  let timer, asking;
  button.type = "button"; // else Enter in a field would check and not save

  async function check() {
    clearTimeout(timer);
    asking?.abort();
    asking = new AbortController();
    const fields = { method: "POST", body: new FormData(form), credentials: "same-origin", headers: { "X-Requested-With": "fetch" }, signal: asking.signal };
    result.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(button.formAction, fields);
      if (answer.ok) result.innerHTML = await answer.text();
    } catch (error) {
      if (error.name === "AbortError") return; // a later change asks again
      result.textContent = "The check got no answer. Try again.";
    }
    result.removeAttribute("aria-busy");
  }

  button.onclick = check;
  for (const kind of ["input", "change"])
    form.addEventListener(kind, () => { clearTimeout(timer); timer = setTimeout(check, 400); });
  const isWorded = [...form.querySelectorAll("[data-picker]")].some((field) => field.value);
  if (isWorded || form.elements.rule_id) check();
}
