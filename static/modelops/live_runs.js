// Shows the newest running training, else the newest queued one, and keeps the rows of the list up to date. Polls every
// second while there is one, else every five seconds.
const panel = document.getElementById("live-training");

async function look() {
  let busy = false;
  try {
    const { runs } = await (await fetch(panel.dataset.url, { credentials: "same-origin" })).json();
    const run = runs.find((one) => one.state === "running") || runs.find((one) => one.state === "queued");
    busy = Boolean(run);
    panel.hidden = !run;
    if (run) show(run);
    // The page may be older than the first poll, so each row is compared with what it shows, not with the poll before.
    if (runs.map(update).some((changed) => changed)) location.reload(); // for labels, versions and times
  } catch {
    panel.hidden = true; // logged out or offline: the next poll tries again
  }
  setTimeout(look, busy ? 1000 : 5000);
}

function show(run) {
  panel.querySelector("[data-step]").textContent = `Training ${run.id}: ${run.step || run.state}`;
  panel.querySelector("progress").value = run.percent;
  panel.querySelector("[data-percent]").textContent = `${run.percent} %`;
}

// Write the run's progress into its row; return whether the row shows another state.
function update(run) {
  const row = document.querySelector(`#result_list a[href*="/${run.id}/change/"]`)?.closest("tr");
  if (!row) return false; // on another page, or filtered out
  if (run.state === "running") {
    row.querySelector(".field-step").textContent = run.step || "-";
    row.querySelector(".field-bar").textContent = `${run.percent} %`;
    row.querySelector(".field-message_text").textContent = run.message;
  }
  return row.querySelector(".field-state_label").textContent.trim() !== run.outcome;
}

if (panel) look();
