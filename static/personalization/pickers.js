// Turns a field of comma-separated names into chips with titles and pictures, and a box that offers names while one is
// typed. The hidden field stays the text that is sent; without this script it is typed by hand.
const choices = document.querySelector("[data-choices]").dataset.choices;
const NAME = /\s*"((?:[^"]|"")*)"\s*(?:,|$)|([^,]*)(?:,|$)/g; // as in common/comma_lists.py
const names = (text) => [...text.matchAll(NAME)].map((one) => (one[1]?.replaceAll('""', '"') || one[2] || "").trim()).filter(Boolean);
const quoted = (name) => (name.includes(",") || name.startsWith('"') ? `"${name.replaceAll('"', '""')}"` : name);
const line = (list) => [...new Set(list)].map(quoted).join(", ");

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

// The box takes over the field's id, so that its label and its help belong to the box.
function boxFor(field) {
  const box = field.cloneNode();
  for (const name of ["name", "data-picker", "value", "maxlength"]) box.removeAttribute(name);
  box.value = "";
  field.removeAttribute("id");
  field.type = "hidden";
  field.before(box);
  return box;
}

function equip(field) {
  const kind = field.dataset.picker, id = `${field.id}-offers`, box = boxFor(field);
  const list = element("ul", { id, className: "v-offers", hidden: true, role: "listbox", ariaLabel: `Known ${kind}` });
  const chips = element("ul", { className: "v-tiles" });
  field.after(element("div", { className: "v v-picker" }, chips, list));
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off" };
  for (const [name, value] of Object.entries(attributes)) box.setAttribute(name, value);
  let offers = [], active = -1, timer, last = 0;

  function close() {
    list.hidden = true;
    active = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function mark(at) {
    active = (at + offers.length) % offers.length;
    [...list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === active)));
    list.children[active].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", list.children[active].id);
  }

  function write(list) {
    field.value = line(list);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    show();
  }

  const isQuoting = () => /^[^"]*"[^"]*$/.test(box.value); // a comma in it ends no name

  // Moves typed names into the field: those before the last comma, or all when the box is left.
  function settle(all) {
    const text = isQuoting() ? `${box.value}"` : box.value, typed = names(text), open = all || /,\s*$/.test(box.value) ? "" : typed.pop() ?? "";
    if (typed.length) {
      box.value = quoted(open) === open ? open : `"${open}`;
      write([...names(field.value), ...typed]);
    }
    return open;
  }

  function pick(value) {
    box.value = "";
    clearTimeout(timer);
    close();
    write([...names(field.value), value]);
    box.focus();
  }

  async function offer(open, isAsked) {
    const turn = ++last;
    if (!open && !isAsked) return close();
    const settled = names(field.value), known = (await ask({ kind, q: open })).filter((one) => !settled.includes(one.value));
    if (turn !== last || document.activeElement !== box) return; // a later letter asks again
    offers = known;
    list.replaceChildren(...offers.map((one, at) => {
      const option = element("li", { id: `${id}-${at}`, role: "option", onmousedown: (event) => { event.preventDefault(); pick(one.value); } }, ...described(one));
      option.setAttribute("aria-selected", "false");
      return option;
    }));
    active = -1;
    list.hidden = !offers.length;
    box.setAttribute("aria-expanded", String(!list.hidden));
  }

  async function show() {
    const all = names(field.value), text = field.value;
    const known = all.length ? await ask({ kind, is: line(all) }) : [];
    if (text !== field.value) return;
    chips.replaceChildren(...known.map((one) => element("li", { className: one.note === "unknown" ? "warn" : "" }, ...described(one),
      element("button", { type: "button", textContent: "×", ariaLabel: `Remove ${one.title}`, onclick: () => write(all.filter((other) => other !== one.value)) }))));
  }

  function enter(event) {
    if (active >= 0 && !list.hidden) pick(offers[active].value);
    else if (box.value.trim()) { settle(true); close(); }
    else return; // Enter in an empty box saves
    event.preventDefault();
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    const open = isQuoting() ? box.value.replace(/^\s*"/, "") : settle(false);
    timer = setTimeout(() => offer(open), 200);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") return enter(event);
    if (event.key === "ArrowDown" && list.hidden) offer(box.value.trim(), true);
    else if (event.key === "Backspace" && !box.value && field.value) return write(names(field.value).slice(0, -1));
    else if (list.hidden) return;
    else if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active < 0 ? -1 : active - 1);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  box.addEventListener("blur", () => { clearTimeout(timer); last++; settle(true); close(); });
  show();
}

document.querySelectorAll("input[data-picker]").forEach(equip);
