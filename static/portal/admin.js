// Makes the admin's theme accessible: its menus open by clicks on elements that the keyboard cannot reach, a screen
// reader speaks its icon names ("person_search"), its pages have no main landmark, and form errors are only visual.
"use strict";
(function () {
  const CLICKED = "#page [x-on\\:click]:not(button, a[href], :has(a[href], button, input))";
  const THEME = "Light or dark";
  const NAMES = {
    add: "Add", close: "Close the menu", dock_to_right: "Menu", more_vert: "More",
    computer: THEME, dark_mode: THEME, light_mode: THEME,
  };

  function reach(one) {
    if (one.matches("h2")) { // stays a heading, with a button in it
      const button = document.createElement("button");
      button.type = "button";
      button.className = "cursor-pointer flex grow items-center";
      button.append(...one.childNodes);
      one.append(button);
    } else {
      one.setAttribute("role", "button");
      one.tabIndex = 0;
      if (!one.textContent.trim()) one.setAttribute("aria-label", "Close"); // the backdrop of an open sheet
    }
  }

  function silence(icon) {
    const word = icon.textContent.trim();
    const bearer = icon.closest("a, button, [role=button], [title]");
    if (bearer !== icon) icon.setAttribute("aria-hidden", "true");
    if (!bearer || bearer.textContent.trim() !== word || bearer.hasAttribute("aria-label")) return;
    bearer.setAttribute("aria-label", bearer.title || NAMES[word] || word.replaceAll("_", " "));
    if (!bearer.matches("a, button, [role=button]")) bearer.setAttribute("role", "img");
  }

  // A table wider than the screen gets keyboard focus, so that arrow keys can scroll it.
  function lead() {
    for (const wide of document.querySelectorAll(".v-scroll")) {
      const moves = wide.scrollWidth > wide.clientWidth;
      const heading = wide.closest("section, form")?.querySelector("h2");
      for (const [name, value] of [["tabindex", 0], ["role", "group"], ["aria-label", heading?.innerText || "Table"]])
        moves ? wide.setAttribute(name, value) : wide.removeAttribute(name);
    }
  }

  // Says what a slider stands at; without this script nothing is said rather than something old.
  function tell(slider) {
    const said = document.querySelector(`output[for=${slider.id}]`);
    const say = () => { said.value = `${slider.value} %`; };
    slider.addEventListener("input", say);
    say();
  }

  // Date and time are two inputs under one label, which belongs to neither.
  function tie(pair) {
    const line = pair.closest(".field-line");
    const label = line?.querySelector("label")?.textContent.trim();
    const describing = [...(line?.querySelectorAll("[id$=_helptext], [id$=_error]") || [])].map((one) => one.id).join(" ");
    for (const box of pair.querySelectorAll("input")) {
      if (label) box.setAttribute("aria-label", `${label}: ${box.placeholder}`);
      if (describing) box.setAttribute("aria-describedby", describing);
    }
  }

  // Moves the focus to the first field with an error.
  function refuse() {
    document.querySelectorAll("#content-main .errornote").forEach((note) => note.setAttribute("role", "alert"));
    document.querySelector("#page [aria-invalid=true]:not([type=hidden])")?.focus();
  }

  // Django builds its two-list picker after loading; its help icons have a name but no role.
  function pick() {
    document.querySelectorAll(".selector .help-tooltip").forEach((sign) => sign.setAttribute("role", "img"));
  }

  // A table that is as wide as its columns, as the preview of an upload, gets a scroll frame.
  function frame(table) {
    const frame = document.createElement("div");
    frame.className = "v-scroll";
    table.replaceWith(frame);
    frame.append(table);
  }

  function prepare() {
    (document.getElementById("main") || document.getElementById("page"))?.setAttribute("role", "main");
    document.getElementById("nav-sidebar-inner")?.setAttribute("aria-label", "Pages"); // there are other lists of links
    document.querySelector("ul.object-tools")?.setAttribute("role", "presentation"); // holds no items but a link
    document.querySelectorAll(CLICKED).forEach(reach);
    document.querySelectorAll("#page .material-symbols-outlined").forEach(silence);
    document.querySelectorAll("#page .datetime").forEach(tie);
    document.querySelectorAll("#page :is(.import-preview, .import-preview-table)").forEach(frame);
    document.querySelectorAll(".v input[type=range]").forEach(tell);
    document.querySelectorAll(".v table").forEach((table) => table.closest(".v-scroll") || frame(table));
    refuse();
    lead();
    window.addEventListener("load", pick); // registered last, to run after Django's
    window.addEventListener("load", refuse); // again: Django's late script moves the focus to the first field
  }

  function press(event) {
    if (!["Enter", " "].includes(event.key) || !event.target.matches(`${CLICKED}[role=button]`)) return;
    event.preventDefault(); // a space scrolls the page
    event.target.click();
  }

  // Copies the text beside a button; without the clipboard, which needs HTTPS or localhost, it is selected.
  async function copy(event) {
    const button = event.target.closest("[data-copy]");
    const text = button?.closest(".v-copy, .v-copy-line").querySelector("code");
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
  }

  document.addEventListener("DOMContentLoaded", prepare);
  document.addEventListener("click", copy);
  document.addEventListener("keydown", press);
  document.addEventListener("toggle", lead, true);
  window.addEventListener("resize", lead);
})();
