/*! Vitrine's snippet. No dependency, no build. docs/snippet.md tells how to use it.
 *  Nothing is stored and nothing that names the shopper is sent before the shopper said yes; a browser that sends
 *  Global Privacy Control has said no. Every failure is silent for the shopper; `debug: true` shows it in the console. */
(function () {
  "use strict";
  const PURPOSES = ["analytics", "personalization", "cross_device", "train_models", "experiments"];
  const STORE = { consent: "vitrine.consent", visitor: "vitrine.visitor", user: "vitrine.user", queue: "vitrine.queue" };
  const MOST_QUEUED = 500, MOST_SENT = 50, LONGEST_WAIT = 60000;
  /** Google's Consent Mode v2: the purpose that each signal follows. `essential` asks nobody and is always granted. */
  const SIGNALS = { ad_storage: "ads_share", ad_user_data: "ads_share", ad_personalization: "ads_share", analytics_storage: "analytics",
    personalization_storage: "personalization", functionality_storage: "essential", security_storage: "essential" };
  const settings = { key: "", host: "", user: null, debug: false, consentMode: false };
  const started = Date.now();
  let withdrawnPath = "", held = [], timer = 0, failures = 0, sending = null, inFlight = [], entrusted = [], deepest = 0, ready = false;

  const note = (...words) => settings.debug && console.info("vitrine:", ...words);
  const guard = (work) => (...given) => { try { return work(...given); } catch (error) { note(error); return undefined; } };
  const later = guard((work, wait) => { clearTimeout(timer); timer = setTimeout(work, wait); });
  const uuid = () => crypto.randomUUID ? crypto.randomUUID() : "10000000-1000-4000-8000-100000000000".replace(/[018]/g,
    (digit) => (digit ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> digit / 4).toString(16));

  // Storage may be full or forbidden: then everything works for this page only.
  const memory = {};
  const read = (name) => { try { return JSON.parse(localStorage.getItem(name)); } catch { return memory[name] ?? null; } };
  const write = (name, value) => {
    memory[name] = value;
    try { value === null ? localStorage.removeItem(name) : localStorage.setItem(name, JSON.stringify(value)); } catch (error) { note(error); }
  };

  // Consent ----------------------------------------------------------------------------------------------------
  const gpc = () => navigator.globalPrivacyControl === true;
  const decisions = () => (read(STORE.consent) || {}).decisions || null;
  const allowed = (purpose) => !gpc() && Boolean((decisions() || {})[purpose]);
  const mayCollect = () => allowed("analytics") || allowed("personalization");
  const visitor = () => { let id = read(STORE.visitor); if (!id) { id = uuid(); write(STORE.visitor, id); } return id; };

  /** What this browser answered: `{decisions, at, policy_version, gpc}`, `decisions` null before an answer; null before `init`. */
  const answers = () => (ready ? { decisions: null, ...read(STORE.consent), gpc: gpc() } : null);
  /** Google's own form: entries of `dataLayer` that are `arguments` objects; its tags ignore arrays. */
  function gtag() { (window.dataLayer = window.dataLayer || []).push(arguments); }
  const signals = (granted) => Object.fromEntries(
    Object.entries(SIGNALS).map(([signal, purpose]) => [signal, purpose === "essential" || granted(purpose) ? "granted" : "denied"]));
  const updateSignals = () => settings.consentMode && decisions() && gtag("consent", "update", signals(allowed));

  /** Keep the shopper's answer to the policy text of that version: true, false, or an object of purposes. A withdrawal is told to
   *  the shop, then all ids go. */
  function consent(answer, policyVersion) {
    const choice = typeof answer === "object" ? answer : Object.fromEntries(PURPOSES.map((name) => [name, Boolean(answer)]));
    const before = mayCollect();
    if (before && !(choice.analytics || choice.personalization)) {
      withdrawnPath = consentPath();
      // Alone: what still waits is told to nobody any more, and must not be sent in the place of what ends it.
      write(STORE.queue, [item("track", { event: "Consent Updated", properties: {} }, choice, policyVersion)]);
      [STORE.visitor, STORE.user].forEach((name) => write(name, null));
      flush(true);
      later(flush, 30); // where the browser did not take it over; it waits for a better moment if need be
    }
    write(STORE.consent, { decisions: choice, at: new Date().toISOString(), ...(policyVersion ? { policy_version: policyVersion } : {}) });
    const waiting = held.splice(0); // what was before a no is not sent after a later yes either
    if (mayCollect()) {
      announceUser();
      waiting.forEach((make) => enqueue(make()));
      // Each of these tells the answer too; a yes after a no, or a part of it taken back, has none.
      if (!waiting.length) enqueue(item("track", { event: "Consent Updated", properties: {} }));
    }
    banner(false);
    updateSignals();
    tell("consentchange", answers());
  }
  const tell = (name, detail, cancelable) => document.dispatchEvent(new CustomEvent(name, { detail, cancelable: Boolean(cancelable) }));
  /** Open the preference center where the page has one, else the banner again. */
  const ask = () => tell("vitrine:ask", null, true) && banner(true);
  function banner(asked) {
    const show = asked || (decisions() === null && !gpc());
    document.querySelectorAll("[data-vitrine-banner]").forEach((node) => { node.hidden = !show; });
    tell("vitrine:banner", show);
  }

  // Collect ----------------------------------------------------------------------------------------------------
  function item(type, fields, choice, policyVersion) {
    const page = { url: location.href, path: location.pathname, title: document.title, referrer: document.referrer };
    const user = settings.user && allowed("personalization") ? { userId: settings.user.id } : {};
    const policy_version = choice ? policyVersion : (read(STORE.consent) || {}).policy_version; // undefined: JSON leaves it out
    const context = { consent: { categoryPreferences: choice || decisions() || {}, policy_version }, page, locale: navigator.language, library: { name: "vitrine.js" } };
    if (settings.user && settings.user.hash) context.user_hash = settings.user.hash;
    return { type, messageId: uuid(), anonymousId: visitor(), ...user, timestamp: new Date().toISOString(), context, ...fields };
  }
  /** Queue what happened; before an answer it waits in this page's memory, after a no it is forgotten. */
  function record(type, fields) {
    if (mayCollect()) enqueue(item(type, fields));
    else if (decisions() === null && !gpc()) held.push(() => item(type, fields));
  }
  function enqueue(entry) {
    write(STORE.queue, [...(read(STORE.queue) || []), entry].slice(-MOST_QUEUED));
    if (!failures) later(flush, 30);
  }
  /** What is queued of withdrawals, null where nothing is. */
  function withdrawals() {
    const told = (read(STORE.queue) || []).filter(({ event, context }) => {
      const choice = context.consent.categoryPreferences;
      return event === "Consent Updated" && !(choice.analytics || choice.personalization);
    });
    return told.length ? told : null;
  }
  function sent(batch) {
    const done = new Set(batch.map((entry) => entry.messageId));
    const rest = (read(STORE.queue) || []).filter((entry) => !done.has(entry.messageId));
    write(STORE.queue, rest.length ? rest : null);
    return rest.length;
  }
  /** Send what is queued; `leaving` hands it to the browser, which sends it after the page is gone. */
  function flush(leaving) {
    const queue = read(STORE.queue) || [], url = settings.host + "/v1/batch";
    const bodyOf = (batch) => JSON.stringify({ writeKey: settings.key, batch, sentAt: new Date().toISOString() });
    if (leaving === true) {
      // What a request carries that outlives the page is not sent twice; should it fail in a page that stays, it comes back.
      const carried = new Set(inFlight.map((entry) => entry.messageId));
      entrusted = queue.filter((entry) => carried.has(entry.messageId));
      sent(entrusted);
      const rest = queue.filter((entry) => !carried.has(entry.messageId)).slice(0, MOST_SENT);
      if (rest.length && navigator.sendBeacon && navigator.sendBeacon(url, bodyOf(rest))) sent(rest);
      return Promise.resolve();
    }
    if (sending) return sending;
    const batch = queue.slice(0, MOST_SENT), body = bodyOf(batch), keepalive = body.length < 60000;
    if (!batch.length) return Promise.resolve();
    inFlight = keepalive ? batch : [];
    sending = fetch(url, { method: "POST", body, keepalive, headers: { "Content-Type": "text/plain" } })
      .then((answer) => {
        const retry = answer.status >= 500 || [408, 410, 429].includes(answer.status);
        if (retry) throw Object.assign(new Error("status " + answer.status), { wait: 1000 * answer.headers.get("Retry-After") });
        // Read always: an answer that nobody reads keeps its request open.
        answer.text().then((why) => answer.ok || note("dropped", batch.length, "events, status", answer.status, why)).catch(note);
        failures = 0;
        if (sent(batch)) later(flush, 0);
      })
      .catch((error) => {
        note(error);
        if (mayCollect() && entrusted.length) write(STORE.queue, [...entrusted, ...(read(STORE.queue) || [])]);
        failures += 1;
        later(flush, Math.max(error.wait || 0, Math.min(LONGEST_WAIT, 1000 * 2 ** failures * (0.5 + Math.random()))));
      })
      .finally(() => { sending = null; inFlight = []; entrusted = []; });
    return sending;
  }

  // Who --------------------------------------------------------------------------------------------------------
  function announceUser() {
    const known = read(STORE.user), user = settings.user;
    if (user && allowed("personalization") && known !== user.id) {
      if (known) write(STORE.visitor, null); // another account on this device starts with an id of its own
      write(STORE.user, user.id);
      enqueue(item("identify", { traits: user.traits || {} }));
    }
    if (!user && known) { write(STORE.user, null); write(STORE.visitor, null); }
  }
  function identify(id, traits, hash) { settings.user = id ? { id, traits, hash } : null; if (mayCollect()) announceUser(); }

  // What the installation says of consent -------------------------------------------------------------------------
  async function get(path) {
    const answer = await fetch(settings.host + "/api/v1/" + path, { headers: { Authorization: "Bearer " + settings.key }, credentials: "omit" });
    if (!answer.ok) throw new Error("status " + answer.status + ": " + await answer.text());
    return answer.json();
  }
  const orNull = (work) => work().catch((error) => { note(error); return null; });
  /** The path of what is kept of this shopper's consent: of the account where its hash proves it, else of the device; "" without an id. */
  function consentPath() {
    const { user_id, anonymous_id, user_hash } = allowed("personalization") ? who() : mayCollect() ? { anonymous_id: visitor() } : {};
    if (user_id && user_hash) return "user:" + encodeURIComponent(user_id) + "?user_hash=" + user_hash;
    return anonymous_id ? "anonymous:" + encodeURIComponent(anonymous_id) : "";
  }
  /** Resolve to `{purposes, mode, policy, gpc, state}`: the purposes asked for, and the verdicts on this shopper; or null. */
  const choices = () => orNull(async () => {
    if (mayCollect()) await flush();
    const path = consentPath();
    const [terms, state] = await Promise.all([get("consent-purposes"), path ? get("consents/" + path) : null]);
    return { ...terms, state };
  });
  /** Resolve to the signed receipt of this shopper's consent, or null. After a withdrawal it is that of the device that was
   *  forgotten, as long as the page stays. */
  const receipt = () => orNull(async () => {
    if (mayCollect()) await flush();
    const path = consentPath() || withdrawnPath;
    return path ? get("consent-receipts/" + path) : null;
  });

  // Show -------------------------------------------------------------------------------------------------------
  /** Ask for a placement and draw it into the element's <template>; resolves to the answer, or null on any trouble. */
  async function recommend(placement, options = {}) {
    const into = element(options.into);
    try {
      if (mayCollect()) await flush();
      const slate = await get("recommendations/" + encodeURIComponent(placement) + "?" + query(options));
      show(slate, into);
      return slate;
    } catch (error) {
      note(placement, error);
      show(null, into);
      return null;
    }
  }
  const show = (slate, into) => { if (into && slate) draw(slate, into); else if (into) into.hidden = true; };
  const element = (into) => typeof into === "string" ? document.querySelector(into) : into;
  /** Ask for several placements in one call, so that no product comes twice; a slot is `{placement, into, limit, product_id, …}`.
   *  Resolves to the answers by placement (or a slot's `key`), or null on any trouble. The first slot chooses first. */
  async function recommendPage(slots) {
    try {
      if (mayCollect()) await flush();
      const placements = slots.map((slot) => ({ ...slot, into: undefined })); // JSON leaves it out
      const answer = await fetch(settings.host + "/api/v1/page", { method: "POST", credentials: "omit", body: JSON.stringify({ ...who(), placements }),
        headers: { Authorization: "Bearer " + settings.key, "Content-Type": "application/json" } });
      if (!answer.ok) throw new Error("status " + answer.status + ": " + await answer.text());
      const slates = (await answer.json()).placements;
      slots.forEach(({ into, key, placement }) => show(slates[key || placement], element(into)));
      return slates;
    } catch (error) {
      note(error);
      slots.forEach(({ into }) => show(null, element(into)));
      return null;
    }
  }
  function who() {
    if (!allowed("personalization")) return { personalized: false };
    const user = settings.user, hash = user && user.hash ? { user_hash: user.hash } : {};
    return { anonymous_id: visitor(), ...(user ? { user_id: user.id, ...hash } : {}) };
  }
  function query(options) {
    const asked = new URLSearchParams(who());
    for (const [name, value] of Object.entries(options)) {
      if (name !== "into") [].concat(value).forEach((each) => each !== "" && each != null && asked.append(name, each));
    }
    return asked;
  }
  function draw(slate, into) {
    const template = into.querySelector("template"), list = template.parentNode;
    list.querySelectorAll("[data-vitrine-item]").forEach((node) => node.remove());
    slate.items.forEach((product) => {
      const node = template.content.firstElementChild.cloneNode(true);
      node.dataset.vitrineItem = product.product_id;
      node.addEventListener("click", () => record("track", { event: "Product Clicked", properties: {
        product_id: product.product_id, name: product.title, position: product.position, list_id: slate.recommendation_id } }));
      node.querySelectorAll("[data-vitrine-field]").forEach((part) => fill(part, product, slate));
      list.append(node);
    });
    into.hidden = !slate.items.length;
    into.dataset.vitrineDrawn = slate.recommendation_id;
    whenSeen(into, () => record("track", { event: "Product List Viewed", properties: { list_id: slate.recommendation_id,
      category: slate.placement, products: slate.items.map(({ product_id, position }) => ({ product_id, position })) } }));
  }
  function fill(part, product, slate) {
    const name = part.dataset.vitrineField;
    const value = name === "reason" ? (product.reason || {}).text : product[name];
    if (part.tagName === "IMG") { part.src = value || ""; part.alt = ""; }
    else if (part.tagName === "A") part.href = (value || "#") + (/\?/.test(value) ? "&" : "?") + "list=" + slate.recommendation_id;
    else part.textContent = name === "price" && value ? money(value, product.currency) : value || "";
  }
  const money = (amount, currency) => { try { return new Intl.NumberFormat(document.documentElement.lang || undefined,
    { style: "currency", currency }).format(amount); } catch { return amount + " " + currency; } };
  function whenSeen(node, work) {
    if (window.IntersectionObserver) {
      slateSeen.get(node)?.disconnect(); // of a list that was drawn there before, and that nobody saw
      slateSeen.set(node, new IntersectionObserver((entries, watcher) => {
        if (entries.some((entry) => entry.isIntersecting)) { watcher.disconnect(); slateSeen.delete(node); guard(work)(); }
      }, { threshold: 0.3 }));
      slateSeen.get(node).observe(node);
    }
  }
  const slateSeen = new Map();

  // The page's own marks ---------------------------------------------------------------------------------------
  const marked = (node) => {
    const { product, name, price, currency, quantity, list } = node.dataset;
    return Object.fromEntries(Object.entries({ product_id: product, name, price: price && Number(price), currency, quantity: quantity && Number(quantity), list_id: list })
      .filter(([, value]) => value !== undefined && value !== ""));
  };
  const PAGE_MARKS = { view: "Product Viewed", cart: "Cart Viewed", checkout: "Checkout Started", order: "Order Completed", search: "Products Searched" };
  const CLICK_MARKS = { add: "Product Added", remove: "Product Removed", wish: "Product Added to Wishlist" };
  function readPage() {
    record("page", { name: document.title, properties: { path: location.pathname } });
    for (const [mark, event] of Object.entries(PAGE_MARKS)) {
      document.querySelectorAll(`[data-vitrine-${mark}]`).forEach(guard((node) => {
        const given = node.getAttribute(`data-vitrine-${mark}`);
        record("track", { event, properties: given ? JSON.parse(given) : marked(node) });
      }));
    }
  }
  function clicked(event) {
    const choice = event.target.closest("[data-vitrine-consent]");
    if (choice) { const what = choice.dataset.vitrineConsent; what === "ask" ? ask() : consent(what === "yes"); }
    for (const [mark, name] of Object.entries(CLICK_MARKS)) {
      const node = event.target.closest(`[data-vitrine-${mark}]`);
      if (node) record("track", { event: name, properties: marked(node) });
    }
  }
  function left() {
    if (document.visibilityState !== "hidden") return;
    const seconds = Math.round((Date.now() - started) / 1000);
    if (mayCollect()) record("track", { event: "Page Engaged", properties: { seconds, scroll_depth: deepest } });
    flush(true);
  }
  const scrolled = () => {
    const page = document.documentElement;
    deepest = Math.max(deepest, Math.round(100 * Math.min(1, (scrollY + innerHeight) / page.scrollHeight)));
  };

  /** Start: `init({key, host, user: {id, hash, traits}, consentMode, debug})`. The first call counts. */
  function init(given) {
    if (ready) return;
    ready = true;
    Object.assign(settings, given);
    settings.host = (settings.host || "").replace(/\/$/, "");
    if (settings.consentMode) gtag("consent", "default", signals(() => false));
    updateSignals();
    if (mayCollect()) announceUser();
    banner(false);
    readPage();
    scrolled();
    document.addEventListener("click", guard(clicked), true);
    document.addEventListener("visibilitychange", guard(left));
    addEventListener("scroll", guard(scrolled), { passive: true });
    addEventListener("online", guard(() => { failures = 0; flush(); }));
    // Of who said no since, or whose browser does, nothing is sent but a withdrawal that could not be sent yet.
    if (!mayCollect()) write(STORE.queue, withdrawals());
    later(flush, 0);
  }

  window.vitrine = {
    init: guard(init), consent: guard(consent), identify: guard(identify), recommend, recommendPage, allowed: guard(allowed), flush: guard(flush),
    answers: guard(answers), choices, receipt, ask: guard(ask),
    track: guard((event, properties) => record("track", { event, properties: properties || {} })),
    page: guard((name, properties) => record("page", { name, properties: properties || {} })),
    visitor: guard(() => (mayCollect() ? visitor() : null)),
  };
})();
