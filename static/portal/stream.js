// Brings new lines of the event stream each second and new figures each quarter of a minute. Opening a line pauses, so
// that it does not move while it is read. Without this script the page shows what a reload brings.
"use strict";
(function () {
  const LINES_MS = 1000;
  const FIGURES_MS = 15000;
  const MOST = 300; // lines in the page
  const list = document.getElementById("stream-lines");
  const button = document.getElementById("stream-pause");
  const trouble = document.getElementById("stream-trouble");
  let cursor = list.dataset.cursor;
  let paused = false;

  async function ask(url) {
    const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
    const kind = answer.headers.get("Content-Type") || "";
    if (answer.ok && !kind.startsWith("application/json")) throw new Error("You are signed out: reload the page.");
    if (!answer.ok) throw new Error("The stream does not answer at the moment; it is asked again.");
    return answer.json();
  }

  function complain(error) {
    trouble.textContent = error instanceof TypeError ? "The server is not reached; it is asked again." : error.message;
    trouble.hidden = false;
  }

  async function follow() {
    try {
      if (!paused && !document.hidden) {
        const news = await ask(`${list.dataset.url}?after=${cursor}&${list.dataset.query}`);
        trouble.hidden = true;
        if (!paused) show(news); // else the same lines are asked for again
      }
    } catch (error) {
      complain(error);
    }
    setTimeout(follow, LINES_MS);
  }

  function show(news) {
    cursor = news.cursor;
    document.getElementById("stream-share").textContent = news.share;
    if (!news.html) return;
    list.insertAdjacentHTML("afterbegin", news.html);
    document.getElementById("stream-empty").hidden = true;
    while (list.children.length > MOST) list.lastElementChild.remove();
  }

  async function redraw() {
    try {
      if (!document.hidden) {
        const news = await ask(list.dataset.figures);
        document.dispatchEvent(new CustomEvent("vitrine:figures", { detail: news.figures }));
        document.getElementById("stream-arrived").textContent = news.arrived;
        for (const [slug, table] of Object.entries(news.tables)) {
          const place = document.querySelector(`[data-table="${slug}"]`);
          if (place) place.innerHTML = table;
        }
      }
    } catch {
      // the lines say what is wrong
    }
    setTimeout(redraw, FIGURES_MS);
  }

  function pause(wanted) {
    paused = wanted;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Go on" : "Pause";
  }

  button.hidden = false;
  button.addEventListener("click", () => pause(!paused));
  list.addEventListener("toggle", (event) => event.target.open && pause(true), true);
  setTimeout(follow, LINES_MS);
  setTimeout(redraw, FIGURES_MS);
})();
