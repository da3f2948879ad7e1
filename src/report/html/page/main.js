// Puts it all together.

function setUpTheme() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let dark = system.matches;
  const show = () => (button.textContent = dark ? "Light" : "Dark");
  button.addEventListener("click", () => {
    dark = !dark;
    document.documentElement.className = dark ? "dark" : "light";
    show();
  });
  system.addEventListener("change", () => {
    if (document.documentElement.className) return;
    dark = system.matches;
    show();
  });
  button.hidden = false;
  show();
}

// What the looks of the timeline mean, as far as they occur.
function setUpLegend() {
  const legend = document.getElementById("legend");
  const add = (css, text) => legend.append(make("li", {}, make("i", { class: css }), text));
  add("run", "script runs");
  if (run.waits.some((wait) => wait.by === undefined)) add("wait", "script waits");
  if (run.chain.length > 0) add("chain", "critical chain");
  if (tasks.some((task) => queued(task) > 0)) add("queue", "queued");
  if (races.length > 0) add("race", "conflict");
  const kinds = { "": "succeeded", bad: "✗ failed", warn: "! timed out, ? unfinished", gone: "⊘ cancelled or skipped", live: "▸ running" };
  for (const [kind, text] of Object.entries(kinds)) if (tasks.some((task) => looks(task) === kind)) add(`bar ${kind}`, text);
}

const begun = document.getElementById("begun");
if (begun) begun.textContent = new Date(begun.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
document.getElementById("drawn").hidden = false;
setUpTheme();
setUpLegend();
setUpTimeline();
setUpRaces();
setUpTable();
setUpDialog();
setUpHover();
setUpFilter();
applyFilter();
