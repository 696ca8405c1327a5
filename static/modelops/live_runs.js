// Shows the newest running training, else the newest queued one. Polls every second while there is one, else every five
// seconds.
const panel = document.getElementById("live-training");
let last = null;

async function look() {
  let busy = false;
  try {
    const { runs } = await (await fetch(panel.dataset.url, { credentials: "same-origin" })).json();
    const run = runs.find((one) => one.state === "running") || runs.find((one) => one.state === "queued");
    busy = Boolean(run);
    if (last && (run?.id !== last.id || run.state !== last.state)) location.reload(); // to update the list
    last = run || null;
    panel.hidden = !run;
    if (run) show(run);
  } catch {
    panel.hidden = true; // logged out or offline: the next poll tries again
  }
  setTimeout(look, busy ? 1000 : 5000);
}

function show(run) {
  panel.querySelector("[data-step]").textContent = `Training ${run.id}: ${run.step || run.state}`;
  panel.querySelector("progress").value = run.percent;
  panel.querySelector("[data-percent]").textContent = `${run.percent} %`;
  const row = document.querySelector(`#result_list a[href*="/${run.id}/change/"]`)?.closest("tr");
  if (!row) return; // on another page, or filtered out
  row.querySelector(".field-step").textContent = run.step || "-";
  row.querySelector(".field-bar").textContent = `${run.percent} %`;
  row.querySelector(".field-message_text").textContent = run.message;
}

if (panel) look();
