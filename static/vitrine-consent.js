/*! Vitrine's consent banner and preference center: the element <vitrine-consent>. Needs vitrine.js; docs/consent.md explains both.
 *  It lives in a shadow root with a style sheet of its own, so that a shop's styles and a strict content policy leave it alone. */
(function () {
  "use strict";
  const TEXTS = {
    region: "Your privacy", title: "Your privacy choices", yes: "Yes, please", no: "No, thanks", choose: "Choose", close: "Close",
    question: "May we remember what you look at? With your yes we show what suits you and learn what shoppers like; with your no the shop works just as well.",
    intro: "Each answer holds at once, and you can change it whenever you like.",
    allowAll: "Allow all", refuseAll: "Refuse all", save: "Save choices", saved: "Saved. This is what holds now.",
    policy: "What you agree to", version: "Version {version} of {date}.", unreachable: "The shop's list of purposes cannot be reached. You can still answer.",
    gpc: "Your browser's privacy signal (Global Privacy Control) was honored. It is a no to everything optional.",
    accountGpc: "The privacy signal of one of your browsers is honored for your account.",
    essential: "Always on: the shop needs it.", given: "Yes, since {date}.", refused: "No, since {date}.",
    elsewhere: "No: refused on another of your devices or in your account, on {date}.", signal: "No: a privacy signal says so.",
    not_asked: "No answer yet: off.", not_objected: "No answer yet: on, until you say no.",
    receipt: "Download the receipt", receiptHint: "Signed by the shop: proof of what you answered.", noReceipt: "There is no receipt yet.",
    kept: "Kept {days} days.", recipients: "Given to: {names}.",
  };
  const STYLE = `
    :host { --v-paper: var(--vitrine-paper, #fff); --v-ink: var(--vitrine-ink, #23211e); --v-soft: var(--vitrine-soft, #5f5a52); --v-line: var(--vitrine-line, #d9d2c6); --v-accent: var(--vitrine-accent, #1f4d45);
      color-scheme: light dark; color: var(--v-ink); font-size: 1rem; line-height: 1.45; }
    @media (prefers-color-scheme: dark) { :host { --v-paper: var(--vitrine-paper, #211f1c); --v-ink: var(--vitrine-ink, #efe9df); --v-soft: var(--vitrine-soft, #b3ab9e); --v-line: var(--vitrine-line, #4a463f); --v-accent: var(--vitrine-accent, #8cc7b8); } }
    * { box-sizing: border-box; } [hidden] { display: none !important; } p { margin: 0; }
    :focus-visible { outline: 3px solid var(--v-accent); outline-offset: 2px; border-radius: 6px; }
    button { font: inherit; font-weight: 600; color: var(--v-ink); background: var(--v-paper); border: 1px solid var(--v-ink); border-radius: 999px; padding: .5em 1em; cursor: pointer; }
    button:hover { border-color: var(--v-accent); color: var(--v-accent); }
    .buttons { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 10px; }
    .banner { position: fixed; inset: auto 12px 12px; z-index: 2147483000; max-width: 1180px; margin: 0 auto; display: flex; gap: 8px 22px; align-items: center; padding: 10px 18px;
      background: var(--v-paper); border: 1px solid var(--v-line); border-radius: 14px; box-shadow: 0 10px 40px rgb(0 0 0 / 22%); font-size: .9rem; }
    .banner p { flex: 1; } .banner button { white-space: nowrap; }
    dialog { width: min(640px, calc(100vw - 24px)); max-height: calc(100dvh - 24px); overflow: auto; padding: 20px 22px; color: var(--v-ink); background: var(--v-paper); border: 1px solid var(--v-line); border-radius: 16px; }
    dialog::backdrop { background: rgb(0 0 0 / 45%); }
    header { display: flex; gap: 12px; justify-content: space-between; align-items: start; } h2 { margin: 0 0 .3em; font-size: 1.3rem; }
    .soft, .now { color: var(--v-soft); font-size: .9rem; } .now { font-weight: 600; color: var(--v-ink); }
    .gpc { border-left: 4px solid var(--v-accent); padding: .4em .8em; margin: .8em 0 0; }
    ul { list-style: none; margin: 12px 0; padding: 0; } li { border-top: 1px solid var(--v-line); padding: 12px 0; }
    label { display: flex; gap: 12px; justify-content: space-between; align-items: center; font-weight: 600; cursor: pointer; }
    input { appearance: none; flex: none; width: 44px; height: 26px; margin: 0; border: 2px solid var(--v-ink); border-radius: 999px; background: radial-gradient(circle at 11px 50%, var(--v-ink) 7px, transparent 8px); cursor: pointer; }
    input:checked { background: radial-gradient(circle at 29px 50%, var(--v-paper) 7px, transparent 8px) var(--v-accent); border-color: var(--v-accent); }
    input:disabled { opacity: .55; cursor: default; }
    pre { white-space: pre-wrap; font: inherit; font-size: .9rem; } .status { min-height: 1.5em; margin: .4em 0; }
    .tools { margin-top: 12px; }
    @media (max-width: 720px) { .banner { display: block; padding: 8px 14px 10px; font-size: .82rem; } .banner .buttons { margin-top: 8px; } .banner button { padding: .5em .4em; } dialog { padding: 16px; } dialog .buttons { grid-auto-flow: row; } }
    @media (forced-colors: active) { input { appearance: auto; } }`;
  const BODY = `
    <section class="banner" data-vitrine-banner hidden>
      <p><slot></slot></p>
      <div class="buttons"><button type="button" data-vitrine-consent="no"></button><button type="button" data-choose></button><button type="button" data-vitrine-consent="yes"></button></div>
    </section>
    <dialog aria-labelledby="title">
      <header><h2 id="title"></h2><button type="button" data-close></button></header>
      <p class="soft" data-intro></p>
      <p class="gpc" data-gpc hidden></p>
      <ul></ul>
      <div class="buttons"><button type="button" data-refuse-all></button><button type="button" data-allow-all></button><button type="button" data-save></button></div>
      <p class="status" role="status"></p>
      <details data-policy hidden><summary></summary><p class="soft"></p><pre></pre></details>
      <p class="tools"><button type="button" data-receipt></button> <span class="soft"></span></p>
    </dialog>`;
  const made = (tag, fields, ...children) => { const node = Object.assign(document.createElement(tag), fields); node.append(...children); return node; };

  class VitrineConsent extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      this.words = { ...TEXTS, ...JSON.parse(this.getAttribute("texts") || "{}") };
      const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      root.innerHTML = BODY;
      this.find = (selector) => root.querySelector(selector);
      this.find("slot").textContent = this.words.question;
      this.find(".banner").setAttribute("aria-label", this.words.region);
      for (const [selector, word, work] of [
        ["[data-vitrine-consent=no]", "no", () => this.answer(false)], ["[data-vitrine-consent=yes]", "yes", () => this.answer(true)],
        ["[data-choose]", "choose", () => this.open()], ["[data-close]", "close", () => this.find("dialog").close()],
        ["[data-refuse-all]", "refuseAll", () => this.save(() => false)], ["[data-allow-all]", "allowAll", () => this.save(() => true)],
        ["[data-save]", "save", () => this.save((input) => input.checked)],
        ["[data-receipt]", "receipt", () => this.download()], [".tools span", "receiptHint"],
        ["#title", "title"], ["[data-intro]", "intro"], ["summary", "policy"],
      ]) {
        this.find(selector).textContent = this.words[word];
        if (work) this.find(selector).addEventListener("click", work);
      }
      document.addEventListener("vitrine:banner", ({ detail }) => this.showBanner(detail));
      document.addEventListener("vitrine:ask", (event) => { event.preventDefault(); this.open(); });
      const known = window.vitrine && vitrine.answers();
      if (known) this.showBanner(known.decisions === null && !known.gpc);
    }
    /** The attribute `asking` lets the page leave room for the banner. */
    showBanner(shown) { this.find(".banner").hidden = !shown; this.toggleAttribute("asking", shown); }
    /** Answer the question of the banner, which is the shop's own text: its version is the attribute `policy-version`. */
    answer(given) { vitrine.consent(given, this.getAttribute("policy-version") || undefined); }
    say(word, values = {}) { return this.words[word].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? ""); }
    date(at) { return at ? new Date(at).toLocaleDateString(document.documentElement.lang || undefined, { dateStyle: "medium" }) : ""; }

    async open() {
      this.draw(this.terms); // what is known already, until the server answers
      if (!this.find("dialog").open) this.find("dialog").showModal();
      await this.refresh();
    }
    async refresh() {
      this.terms = await vitrine.choices();
      this.draw(this.terms);
    }
    async save(chosen) {
      const inputs = [...this.find("ul").querySelectorAll("input:not([data-essential])")];
      const version = this.policy ? this.policy.version : this.getAttribute("policy-version");
      vitrine.consent(Object.fromEntries(inputs.map((input) => [input.name, chosen(input)])), version || undefined);
      await this.refresh();
      this.find(".status").textContent = this.words.saved;
    }
    async download() {
      const receipt = await vitrine.receipt();
      this.find(".status").textContent = receipt ? "" : this.words.noReceipt;
      if (!receipt) return;
      const url = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 1)], { type: "application/json" }));
      made("a", { href: url, download: "consent-receipt.json" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    }
    /** Draw the purposes with the answer that holds now. Without the server: those this browser answered, by name. */
    draw(terms) {
      const answers = vitrine.answers();
      const names = Object.keys(answers.decisions || {}).concat("analytics", "personalization", "cross_device", "train_models", "experiments");
      const purposes = terms ? terms.purposes : [...new Set(names)].map((name) => ({ name, title: name.replaceAll("_", " "), description: "", reason: "not_asked" }));
      const verdicts = (terms && terms.state && terms.state.decisions) || {};
      const accountGpc = Boolean(terms && terms.state && terms.state.gpc), live = answers.gpc || Boolean(terms && terms.gpc);
      this.policy = terms && terms.policy;
      this.find("[data-gpc]").hidden = !live && !accountGpc;
      this.find("[data-gpc]").textContent = this.words[live ? "gpc" : "accountGpc"];
      this.find("ul").replaceChildren(...purposes.map((purpose) => this.row(purpose, answers, verdicts[purpose.name], live)));
      this.find(".status").textContent = terms === null ? this.words.unreachable : "";
      this.find("dialog .buttons").hidden = live; // the signal answers; a switch of the browser takes it back
      this.find("[data-policy]").hidden = !this.policy;
      if (this.policy) {
        this.find("[data-policy] p").textContent = this.say("version", { version: this.policy.version, date: this.date(this.policy.published_at) });
        this.find("pre").textContent = this.policy.body;
      }
    }
    row(purpose, answers, verdict, live) {
      const own = (answers.decisions || {})[purpose.name], at = this.date(answers.at);
      let on = own === true, now = own === undefined ? this.words[purpose.reason] || this.words.not_asked : this.say(own ? "given" : "refused", { date: at });
      if (purpose.essential) [on, now] = [true, this.words.essential];
      else if (live) [on, now] = [false, this.words.signal];
      else if (verdict && verdict.reason === "gpc") [on, now] = [false, this.words.signal];
      else if (verdict && verdict.reason === "refused" && own) [on, now] = [false, this.say("elsewhere", { date: this.date(verdict.at) })];
      else if (verdict && (verdict.reason === "refused" || (verdict.reason === "given" && own !== false))) [on, now] = [verdict.allowed, this.say(verdict.reason, { date: this.date(verdict.at) })];
      const id = "now-" + purpose.name, fixed = purpose.essential || live;
      const input = made("input", { type: "checkbox", name: purpose.name, checked: on, disabled: fixed });
      input.setAttribute("role", "switch");
      input.setAttribute("aria-describedby", id);
      input.toggleAttribute("data-essential", Boolean(purpose.essential));
      const more = [purpose.description, purpose.recipients && purpose.recipients.length ? this.say("recipients", { names: purpose.recipients.join(", ") }) : "",
        purpose.retention_days ? this.say("kept", { days: purpose.retention_days }) : ""].filter(Boolean).join(" ");
      return made("li", {}, made("label", {}, made("span", { textContent: purpose.title }), input),
        made("p", { className: "soft", textContent: more }), made("p", { className: "now", id, textContent: now }));
    }
  }
  customElements.define("vitrine-consent", VitrineConsent);
})();
