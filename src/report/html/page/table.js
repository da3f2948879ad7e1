// The table of tasks: sorted by any column, and no longer at first than a
// person reads.

const ROWS = 200;

const COLUMNS = [
  { title: "Task", value: (task) => task.id, cell: nameCell },
  { title: "State", value: (task) => Object.keys(STATES).indexOf(task.state), cell: stateCell },
  { title: "Code", value: (task) => task.code, number: true },
  { title: "Began", value: (task) => task.from, cell: (task) => duration(task.from), number: true, first: true },
  { title: "Took", value: took, cell: (task) => duration(took(task)), number: true, most: true },
  { title: "Usually", value: (task) => task.usual, cell: (task) => duration(task.usual), number: true, most: true },
  { title: "Earlier", value: (task) => task.earlier, cell: (task) => duration(task.earlier), number: true, most: true },
  { title: "Change", value: change, cell: changeCell, number: true, most: true },
  { title: "Queued", value: (task) => queued(task) || undefined, cell: (task) => duration(queued(task) || undefined), number: true, most: true },
  { title: "CPU", value: cpuShare, cell: cpuCell, number: true, most: true },
  { title: "On the chain", value: (task) => onChain.get(task.number), cell: (task) => duration(onChain.get(task.number)), number: true, most: true },
  { title: "Started at", value: (task) => task.at },
  { title: "Command", value: (task) => task.command, css: "command" },
];

const table = { columns: [], sort: undefined, down: false, found: tasks, rows: ROWS };

function change(task) {
  const time = took(task);
  return time === undefined || task.earlier === undefined ? undefined : time - task.earlier;
}

function changeCell(task) {
  const by = change(task);
  if (by === undefined) return "";
  const text = difference(took(task), task.earlier);
  // What is within a tenth, or 50 ms, is chance.
  if (Math.abs(by) < Math.max(50e3, task.earlier / 10)) return make("span", { class: "soft" }, text);
  return make("span", { class: by > 0 ? "slower" : "faster" }, `${by > 0 ? "▲" : "▼"} ${text}`);
}

function nameCell(task) {
  return make("button", { type: "button", class: "name", "data-task": task.number }, task.id);
}

function stateCell(task) {
  return make("span", { class: `state ${task.state}` }, `${sign(task)} ${task.state}`);
}

function cpuCell(task) {
  const share = cpuShare(task);
  return share === undefined ? duration(task.cpu) : `${Math.round(share * 100)}%`;
}

function setUpTable() {
  // A column in which nothing stands is none.
  table.columns = COLUMNS.filter((column, n) => n < 2 || tasks.some((task) => column.value(task) !== undefined));
  table.sort = table.columns.find((column) => column.first) ?? table.columns[0];
  const head = document.querySelector("#table thead tr");
  for (const column of table.columns) {
    const button = make("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      table.down = table.sort === column ? !table.down : Boolean(column.most);
      table.sort = column;
      fillTable();
    });
    head.append((column.head = make("th", { scope: "col", class: column.number && "number" }, button)));
  }
  document.getElementById("more").addEventListener("click", (event) => {
    const row = table.rows;
    table.rows += 5 * ROWS;
    fillTable();
    if (event.target.hidden) document.querySelector(`#table tbody tr:nth-child(${row + 1}) button`)?.focus();
  });
  filter.listeners.push((found) => {
    table.found = found;
    table.rows = ROWS;
    fillTable();
  });
}

const collator = new Intl.Collator("en", { numeric: true });

// What has no value comes last, whichever way.
function compare(a, b) {
  const [one, other] = [table.sort.value(a), table.sort.value(b)];
  if (one === undefined || other === undefined) return (one === undefined) - (other === undefined) || a.number - b.number;
  const order = typeof one === "string" ? collator.compare(one, other) : one - other;
  return (table.down ? -order : order) || a.number - b.number;
}

function fillTable() {
  table.found = [...table.found].sort(compare);
  for (const column of table.columns) {
    const { head } = column;
    const mine = column === table.sort;
    if (mine) head.setAttribute("aria-sort", table.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
    head.firstChild.textContent = column.title + (mine ? (table.down ? " ↓" : " ↑") : "");
  }
  const rows = table.found.slice(0, table.rows).map((task) => {
    const row = make("tr");
    table.columns.forEach((column, n) => {
      const content = column.cell ? column.cell(task) : (column.value(task)?.toString() ?? "");
      row.append(make(n === 0 ? "th" : "td", { scope: n === 0 && "row", class: column.css ?? (column.number && "number") }, content));
    });
    return row;
  });
  document.querySelector("#table tbody").replaceChildren(...rows);
  const left = table.found.length - rows.length;
  const more = document.getElementById("more");
  more.hidden = left <= 0;
  more.textContent = `Show more: ${left.toLocaleString("en")} left`;
}
