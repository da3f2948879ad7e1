// A task in full, with its log. The browser keeps the focus in an open dialog,
// closes it at Escape and gives the focus back.

const dialog = document.getElementById("dialog");
let list = []; // the tasks to leaf through
let position = 0;

function setUpDialog() {
  const button = (text, label, act) => {
    const element = make("button", { type: "button", "aria-label": label }, text);
    element.addEventListener("click", act);
    return element;
  };
  dialog.name = make("h2", { id: "dialog-name" });
  dialog.before = button("‹", "The task before", () => leaf(-1));
  dialog.after = button("›", "The next task", () => leaf(1));
  dialog.body = make("div", { class: "body", tabindex: 0, role: "region", "aria-label": "Details and log" });
  dialog.append(make("div", { class: "head" }, dialog.name, dialog.before, dialog.after, button("Close", undefined, () => dialog.close())), dialog.body);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.addEventListener("click", (event) => {
    const name = event.target.closest("button[data-task]");
    if (name) openTask(tasks[Number(name.dataset.task)], name.closest("table") ? table.found : tasks);
  });
}

function openTask(task, among) {
  list = among.includes(task) ? among : tasks;
  position = list.indexOf(task);
  hideHover();
  fillDialog();
  dialog.showModal();
  dialog.body.focus();
}

function leaf(by) {
  position += by;
  fillDialog();
}

function fillDialog() {
  const task = list[position];
  dialog.name.textContent = task.id;
  dialog.before.disabled = position === 0;
  dialog.after.disabled = position === list.length - 1;
  dialog.body.replaceChildren(factList(facts(task)), ...logOf(task));
  dialog.body.scrollTop = 0;
}

// The log as it was embedded: all of it, or its beginning and its end.
function logOf(task) {
  const { log } = task;
  if (!log) return [make("h3", {}, "Log"), make("p", {}, "There is no log of it in this file.")];
  const title = make("h3", {}, `Log (${bytes(log.size)})`);
  if (log.size === 0) return [title, make("p", {}, "It printed nothing.")];
  if (!log.cut) return [title, make("pre", {}, log.head)];
  const cut = `${bytes(log.cut)} are left out here. The whole log is ${run.dir}/${log.file}`;
  return [title, log.head && make("pre", {}, log.head), make("p", { class: "cut" }, cut), log.tail && make("pre", {}, log.tail)].filter(Boolean);
}
