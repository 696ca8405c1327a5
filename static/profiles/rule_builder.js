// Shows the rule of a segment as rows, and how many shoppers it holds. The text area stays the only field that is sent.
const root = document.querySelector("[data-builder]");
const offers = JSON.parse(document.getElementById("rule-offers").textContent);
const area = root.querySelector("textarea");
const part = (name) => root.querySelector(`[data-${name}]`);
const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
const NEW = { event: "view", is: "at_least", times: 1 };
const KINDS = { event: "Did so often", last: "Did last", trait: "Trait", attribute: "Attribute", group: "Group" };
let rule = read();
let timer;

function read() {
  try { return JSON.parse(area.value); } catch { return null; }
}

function element(tag, fields = {}, ...children) {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
}

function field(label, input) {
  return element("label", {}, label, input);
}

function choice(label, options, value, change) {
  const select = element("select", { onchange: () => change(select.value) });
  for (const [key, title] of Object.entries(options)) select.append(new Option(title, key, false, key === value));
  return field(label, select);
}

function input(label, value, change, type = "text", more = {}) {
  const box = element("input", { type, value: value ?? "", ...more });
  box.oninput = () => change(type === "number" ? Number(box.value) : box.value);
  return field(label, box);
}

const words = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);
const joined = (value) => (Array.isArray(value) ? value.join(", ") : value ?? "");
const bare = (node) => node.not ?? node;
const kindOf = (node) => (node.all || node.any ? "group" : Object.keys(KINDS).find((kind) => kind in node) ?? "event");

function blank(kind) {
  const traits = offers.traits[0].path;
  return structuredClone({
    event: NEW, last: { last: "view", within: "7 days" }, trait: { trait: traits, is: "at_least", value: 1 },
    attribute: { attribute: "loyalty", value: ["gold"] }, group: { any: [NEW] },
  }[kind]);
}

function set(node, name, value) {
  if (value === "" || (Array.isArray(value) && !value.length)) delete node[name]; else node[name] = value;
  changed(false);
}

function window_(label, node, name) {
  const [amount = "", unit = "day"] = (node[name] ?? "").replace(/s$/, "").split(" ");
  let now = { amount, unit };
  const write = (more) => { now = { ...now, ...more }; set(node, name, now.amount ? `${now.amount} ${now.unit}s` : ""); };
  const units = Object.fromEntries(offers.units.map((one) => [one, `${one}s`]));
  return [input(label, amount, (value) => write({ amount: value || "" }), "number", { min: 1 }),
    choice("Unit", units, unit, (value) => write({ unit: value }))];
}

function products(node) {
  return [["category", "In categories"], ["brand", "Of brands"], ["product", "Product ids"]].map(([name, label]) =>
    input(label, joined(node[name]), (text) => set(node, name, words(text))));
}

const FIELDS = {
  event: (node) => [choice("What", offers.events, node.event, (value) => set(node, "event", value)),
    choice("How often", offers.comparisons, node.is, (value) => set(node, "is", value)),
    input("Times", node.times, (value) => set(node, "times", value), "number", { min: 0, max: 300 }),
    ...window_("Within", node, "within"), ...products(node)],
  last: (node) => {
    const name = "before" in node ? "before" : "within";
    const turn = (value) => { const length = node[name]; delete node[name]; node[value] = length; changed(true); };
    return [choice("What", offers.events, node.last, (value) => set(node, "last", value)),
      choice("When", { within: "within the last", before: "longer ago than" }, name, turn),
      ...window_("Time", node, name), ...products(node)];
  },
  trait: (node) => {
    const own = offers.traits.find((one) => one.path === node.trait);
    const titles = Object.fromEntries(offers.traits.map((one) => [one.path, one.title]));
    const pick = (path) => {
      const isName = offers.traits.find((one) => one.path === path).kind === "name";
      Object.assign(node, { trait: path, is: isName ? "one_of" : "at_least", value: isName ? [] : 1 });
      changed(true);
    };
    const rest = own?.kind === "name" ? [input("One of", joined(node.value), (text) => { node.value = words(text); changed(false); })]
      : [choice("Is", offers.comparisons, node.is, (value) => set(node, "is", value)),
        input("Value", node.value, (value) => set(node, "value", value), "number", { step: "any" })];
    return [choice("Trait", titles, node.trait, pick), ...rest];
  },
  attribute: (node) => [input("Attribute", node.attribute, (value) => { node.attribute = value; changed(false); }),
    input("One of", joined(node.value), (text) => { node.value = words(text); changed(false); })],
};

function row(node, replace, remove) {
  const inner = bare(node), kind = kindOf(inner);
  const parts = kind === "group" ? [group(inner)] : FIELDS[kind](inner);
  const head = [choice("Condition", KINDS, kind, (value) => { replace(blank(value)); changed(true); }),
    choice("Must", { yes: "hold", no: "not hold" }, node.not ? "no" : "yes",
      (value) => { replace(value === "no" ? { not: inner } : inner); changed(true); })];
  const button = element("button", { type: "button", textContent: "Remove", onclick: () => { remove(); changed(true); } });
  return element("div", { className: "v-form v-card" }, ...head, ...parts, ...(remove ? [button] : []));
}

function group(node) {
  const mode = node.any ? "any" : "all", parts = node[mode];
  const turn = (value) => { delete node[mode]; node[value] = parts; changed(true); };
  const rows = parts.map((one, at) => row(one, (other) => { parts[at] = other; }, parts.length > 1 && (() => parts.splice(at, 1))));
  const add = element("button", { type: "button", textContent: "Add a condition", onclick: () => { parts.push({ ...NEW }); changed(true); } });
  return element("div", { className: "v" }, choice("Holds where", { all: "all of these hold", any: "any of these holds" }, mode, turn), ...rows, add);
}

function draw() {
  const place = part("rows");
  if (rule && !rule.all && !rule.any) rule = { all: [Object.keys(rule).length ? rule : { ...NEW }] };
  place.hidden = !rule;
  if (rule) place.replaceChildren(group(rule));
}

function changed(redraw) {
  area.value = JSON.stringify(rule, null, 2);
  if (redraw) draw();
  clearTimeout(timer);
  timer = setTimeout(estimate, 300);
}

async function ask(url, options = {}) {
  const answer = await fetch(url, { credentials: "same-origin", headers: { "X-CSRFToken": token }, ...options });
  return answer.json();
}

async function estimate() {
  const body = area.value;
  const answer = await ask(root.dataset.estimate, { method: "POST", body }).catch(() => null);
  if (!answer || body !== area.value) return; // a later change asks again
  const wrong = answer.errors ?? [], range = answer.low === answer.high ? "" : ` (${answer.low} to ${answer.high})`;
  part("result").hidden = false;
  part("errors").hidden = !wrong.length;
  part("errors").textContent = wrong.map((one) => `${one.field}: ${one.message}`).join("; ");
  part("sentence").textContent = answer.sentence ?? "";
  part("members").textContent = answer.errors ? "" : `About ${answer.members}${range} of ${answer.profiles} shoppers`;
}

async function follow(job) {
  part("exact-result").textContent = job.errors ? job.errors[0].message : job.message || `${job.state}, ${job.percent} %`;
  if (job.errors || job.state === "done" || job.state === "failed") return;
  setTimeout(async () => follow(await ask(`${root.dataset.count}?job=${job.job}`)), 700);
}

part("exact").onclick = async () => follow(await ask(root.dataset.count, { method: "POST", body: area.value }));
area.oninput = () => { rule = read(); draw(); clearTimeout(timer); timer = setTimeout(estimate, 300); };
draw();
estimate();
