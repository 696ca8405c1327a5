// Shows the fields of the chosen kind of rule alone, and fills the dates with a day or a week.
const effect = document.querySelector("select[name=effect]");
const lineOf = (field) => field.closest(".field-line, .v-form > .wide");

function choose() {
  for (const field of document.querySelectorAll("[data-kinds]")) lineOf(field).hidden = !field.dataset.kinds.split(" ").includes(effect.value);
}

if (effect) {
  effect.addEventListener("change", choose);
  choose();
}

const box = (name) => document.querySelector(`[name=${name}]`);
const two = (moment) => [moment.toISOString().slice(0, 10), moment.toISOString().slice(11, 19)];

function last(days) {
  const begin = ["starts_at_0", "starts_at_1"].map((name) => box(name)), end = ["ends_at_0", "ends_at_1"].map((name) => box(name));
  const stated = new Date(`${begin[0].value}T${begin[1].value || "00:00:00"}Z`);
  const from = Number.isNaN(stated.getTime()) ? new Date() : stated;
  [begin, end].forEach((boxes, at) => two(new Date(from.getTime() + at * days * 86_400_000)).forEach((text, place) => { boxes[place].value = text; }));
  end[1].dispatchEvent(new Event("change", { bubbles: true }));
}

if (box("ends_at_1")) {
  const doors = document.createElement("div");
  doors.className = "v-spans";
  for (const [title, days] of [["for one day", 1], ["for one week", 7]])
    doors.append(Object.assign(document.createElement("button"), { type: "button", textContent: title, onclick: () => last(days) }));
  lineOf(box("ends_at_1")).querySelector(".datetime, input").parentElement.append(doors);
}
