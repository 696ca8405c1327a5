// Follows an experiment: new numbers come over a socket. While it is down, they are asked for every five seconds, and the
// socket is tried again, at first after a second, then as often. Without this script the page shows what a reload brings.
"use strict";
(function () {
  const POLL_MS = 5000;
  const SILENT_MS = 12000; // the server is heard every five seconds
  const FIRST_MS = 1000;
  const LAST_MS = POLL_MS; // a try costs the server less than the poll beside it
  const ENDED = { 4401: "you are signed out: reload the page", 4403: "you may no longer see this", 4404: "it is gone" };
  const root = document.getElementById("results");
  const state = document.getElementById("connection");
  let heardAt = 0;
  let lostAt = null;
  let wait = FIRST_MS;
  let ended = false;
  let isOpen = false;

  function show(news) {
    document.getElementById("shown-at").textContent = news.at;
    for (const [name, html] of Object.entries(news.parts)) {
      const place = root.querySelector(`[data-part="${name}"]`);
      if (!place) return location.reload(); // the page has another shape now: the first visitor of a segment came
      if (place.dataset.html !== html) {
        place.dataset.html = html;
        place.innerHTML = html;
      }
    }
    for (const slug of Object.keys(news.figures)) {
      if (!root.querySelector(`[data-figure="${slug}"]`)) return location.reload();
    }
    document.dispatchEvent(new CustomEvent("vitrine:figures", { detail: news.figures }));
  }

  function say(text) {
    if (state.textContent !== text) state.textContent = text;
  }

  function clock(at) {
    return at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  }

  function open() {
    if (ended) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${root.dataset.socket}`);
    heardAt = Date.now();
    const guard = setInterval(() => Date.now() - heardAt > SILENT_MS && socket.close(), 1000);
    socket.addEventListener("message", (event) => {
      heardAt = Date.now();
      const news = JSON.parse(event.data);
      if (news.parts) show(news);
      [isOpen, lostAt, wait] = [true, null, FIRST_MS];
      say("live");
    });
    socket.addEventListener("close", (event) => {
      clearInterval(guard);
      const wasOpen = isOpen;
      isOpen = false;
      if (ENDED[event.code]) return end(ENDED[event.code]);
      if (wasOpen) poll(); // at once, so that no number is missed
      setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(2 * wait, LAST_MS);
    });
  }

  function end(why) {
    ended = true;
    say(`stopped: ${why}`);
  }

  async function poll() {
    if (isOpen || ended || document.hidden) return;
    try {
      const answer = await fetch(root.dataset.numbers, { credentials: "same-origin" });
      const kind = answer.headers.get("Content-Type") || "";
      if (answer.ok && !kind.startsWith("application/json")) return end(ENDED[4401]);
      if (answer.status === 403 || answer.status === 404) return end(ENDED[4000 + answer.status]);
      if (!answer.ok) throw new Error(answer.status);
      const news = await answer.json();
      if (isOpen) return; // the socket was faster
      show(news);
      lostAt = null;
      say("polls every 5 s");
    } catch {
      lostAt = lostAt || new Date();
      say(`not connected since ${clock(lostAt)}`);
    }
  }

  open();
  setInterval(poll, POLL_MS);
})();
