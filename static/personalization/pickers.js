// Offers names while a comma-separated list is typed, and shows the names in the list with titles and pictures.
// The field stays the text that is sent, so that it works without this script.
const choices = document.querySelector("[data-choices]").dataset.choices;
const NAME = /\s*"((?:[^"]|"")*)"\s*(?:,|$)|([^,]*)(?:,|$)/g; // as in common/comma_lists.py
const names = (text) => [...text.matchAll(NAME)].map((one) => (one[1]?.replaceAll('""', '"') || one[2] || "").trim()).filter(Boolean);
const quoted = (name) => (name.includes(",") || name.startsWith('"') ? `"${name.replaceAll('"', '""')}"` : name);
const line = (list) => list.map(quoted).join(", ");

function element(tag, fields = {}, ...children) {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
}

async function ask(fields) {
  const answer = await fetch(`${choices}?${new URLSearchParams(fields)}`, { credentials: "same-origin" }).catch(() => null);
  return answer?.ok ? (await answer.json()).choices : [];
}

function described(one) {
  const text = element("span", {}, one.title, element("br"), element("span", { className: "soft", textContent: one.note ?? (one.title === one.value ? "" : one.value) }));
  return one.picture ? [element("img", { src: one.picture, alt: "", width: 32, height: 32 }), text] : [text];
}

function equip(field) {
  const kind = field.dataset.picker, id = `${field.id}-offers`;
  const list = element("ul", { id, className: "v-offers", hidden: true, role: "listbox", ariaLabel: `Known ${kind}` });
  const chips = element("ul", { className: "v-tiles" });
  const box = element("div", { className: "v v-picker" }, chips, list);
  field.after(box);
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off" };
  for (const [name, value] of Object.entries(attributes)) field.setAttribute(name, value);
  let offers = [], active = -1, timer, last = 0;

  // What stands after the last comma is being typed; the names before it are settled.
  function parts() {
    const parts = names(field.value);
    const open = /(,\s*|^\s*|"\s*)$/.test(field.value) ? "" : parts.pop() ?? "";
    return [parts, open];
  }

  function close() {
    list.hidden = true;
    active = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function mark(at) {
    active = (at + offers.length) % offers.length;
    [...list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === active)));
    list.children[active].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", list.children[active].id);
  }

  function write(text) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    clearTimeout(timer);
    close();
    show();
  }

  function pick(value) {
    const [settled] = parts();
    write(`${line([...settled.filter((one) => one !== value), value])}, `);
    field.focus();
  }

  async function offer(isAsked) {
    const [settled, open] = parts(), turn = ++last;
    if (!open && !isAsked) return close();
    const known = (await ask({ kind, q: open })).filter((one) => !settled.includes(one.value));
    if (turn !== last || document.activeElement !== field) return; // a later letter asks again
    offers = known;
    list.replaceChildren(...offers.map((one, at) => {
      const option = element("li", { id: `${id}-${at}`, role: "option", onmousedown: (event) => { event.preventDefault(); pick(one.value); } }, ...described(one));
      option.setAttribute("aria-selected", "false");
      return option;
    }));
    active = -1;
    list.hidden = !offers.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
  }

  async function show() {
    const all = names(field.value), text = field.value;
    const known = all.length ? await ask({ kind, is: line(all) }) : [];
    if (text !== field.value) return;
    chips.replaceChildren(...known.map((one) => element("li", { className: one.note === "unknown" ? "warn" : "" }, ...described(one),
      element("button", { type: "button", textContent: "×", ariaLabel: `Remove ${one.title}`, onclick: () => write(line(all.filter((other) => other !== one.value))) }))));
  }

  field.addEventListener("input", (event) => {
    if (!event.isTrusted) return; // written by `write`
    clearTimeout(timer);
    timer = setTimeout(() => { offer(); show(); }, 200);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && list.hidden) offer(true);
    else if (list.hidden) return;
    else if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active < 0 ? -1 : active - 1);
    else if (event.key === "Enter" && active >= 0) pick(offers[active].value);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  field.addEventListener("blur", close);
  show();
}

document.querySelectorAll("input[data-picker]").forEach(equip);
