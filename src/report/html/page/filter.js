// Which tasks are shown: those with all words of the filter in their name,
// state, command or line, and one of the chosen states, if any is chosen.

const filter = { words: [], states: new Set(), listeners: [] };

function haystack(task) {
  task.text ??= [task.id, task.state, task.command, task.at, task.collectedAt].join("\n").toLowerCase();
  return task.text;
}

function shown(task) {
  return (
    (filter.states.size === 0 || filter.states.has(task.state)) &&
    filter.words.every((word) => haystack(task).includes(word))
  );
}

function applyFilter() {
  const found = tasks.filter(shown);
  const output = document.getElementById("found");
  output.textContent = found.length === tasks.length ? plural(tasks.length, "task") : `${found.length.toLocaleString("en")} of ${plural(tasks.length, "task")}`;
  filter.listeners.forEach((listener) => listener(found));
}

function setUpFilter() {
  document.getElementById("filter").addEventListener("input", (event) => {
    filter.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    applyFilter();
  });
  const counts = new Map();
  for (const task of tasks) counts.set(task.state, (counts.get(task.state) ?? 0) + 1);
  const box = document.getElementById("states");
  if (counts.size < 2) box.hidden = true;
  for (const state of Object.keys(STATES).filter((state) => counts.has(state))) {
    const input = make("input", { type: "checkbox", value: state });
    input.addEventListener("change", () => {
      filter.states[input.checked ? "add" : "delete"](state);
      applyFilter();
    });
    box.append(make("label", {}, input, ` ${STATES[state][1]} ${state} (${counts.get(state).toLocaleString("en")})`));
  }
}
