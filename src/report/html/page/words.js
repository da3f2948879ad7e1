// The run, and how its parts are put into words. All text reaches the page by
// textContent, so nothing in a name, a command or a log can become markup.

const run = JSON.parse(document.getElementById("data").textContent);
const tasks = run.tasks;
tasks.forEach((task, number) => {
  task.number = number;
  task.from = task.began ?? task.started;
  task.until = task.ended ?? run.span;
});

// The class of a state's looks, and the sign that tells it without colour.
const STATES = {
  succeeded: ["", "✓"],
  failed: ["bad", "✗"],
  signalled: ["bad", "✗"],
  lost: ["bad", "✗"],
  "timed out": ["warn", "!"],
  unfinished: ["warn", "?"],
  cancelled: ["gone", "⊘"],
  skipped: ["gone", "⊘"],
  queued: ["gone", "…"],
  running: ["live", "▸"],
};
const looks = (task) => STATES[task.state][0];
const sign = (task) => STATES[task.state][1];

// How long a task ran; unknown if it never began, or nobody saw its end.
function took(task) {
  if (task.began === undefined || (task.ended === undefined && !run.live)) return undefined;
  return Math.max(0, task.until - task.began);
}

function queued(task) {
  if (task.started === undefined) return 0;
  return Math.max(0, (task.began ?? task.until) - task.started);
}

function cpuShare(task) {
  const time = took(task);
  return task.cpu === undefined || !time ? undefined : task.cpu / time;
}

// Microseconds as a person reads them, like the program itself.
function duration(micros) {
  if (micros === undefined) return "";
  const seconds = micros / 1e6;
  if (seconds < 0.0995) return `${Math.round(micros / 1000)}ms`;
  if (seconds < 9.995) return `${seconds.toFixed(2)}s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}h ${m}m` : s > 0 ? `${m}m ${s}s` : `${m}m`;
}

// The same against another time: +1.20s (+34%).
function difference(micros, against) {
  const more = micros - against;
  if (Math.abs(more) < 500) return "±0ms";
  const sign = more < 0 ? "−" : "+";
  const percent = against > 0 ? ` (${sign}${Math.round((Math.abs(more) / against) * 100)}%)` : "";
  return `${sign}${duration(Math.abs(more))}${percent}`;
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function bytes(count) {
  if (count < 1e4) return plural(count, "byte");
  return count < 1e6 ? `${Math.round(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

// Which tasks are on the critical chain, and for how long.
const onChain = new Map();
for (const link of run.chain) {
  if (link.task === undefined) continue;
  onChain.set(link.task, (onChain.get(link.task) ?? 0) + link.until - link.from);
}

// A new element with attributes, text and children.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

// What is known of a task, as pairs of a word and a text.
function facts(task) {
  const list = [];
  const add = (word, text, mono) => {
    if (text !== undefined && text !== "") list.push([word, text, mono]);
  };
  add("state", task.how ? `${task.state}: ${task.how}` : task.state);
  add("command", task.command, true);
  add("code", task.code?.toString());
  const time = took(task);
  if (time !== undefined) {
    const more = [];
    if (task.usual !== undefined) more.push(`usually ${duration(task.usual)}`);
    if (task.earlier !== undefined) more.push(`${difference(time, task.earlier)} against the earlier run`);
    add(task.ended === undefined ? "runs for" : "took", [duration(time), ...more].join("; "));
  }
  if (task.from !== undefined) add("from, to", `${duration(task.from)} to ${duration(task.until)}`);
  if (queued(task) > 0) add("queued", duration(queued(task)));
  const share = cpuShare(task);
  add("CPU", share === undefined ? duration(task.cpu) : `${duration(task.cpu)}, ${Math.round(share * 100)}% of one processor`);
  add("critical chain", onChain.has(task.number) ? `on it for ${duration(onChain.get(task.number))}` : "");
  add("started at", task.at);
  add("collected at", task.collectedAt ?? (task.collected === undefined && task.ended !== undefined ? "nobody collected it" : undefined));
  add("after", task.after?.join(", "));
  add("locks", task.locks?.join(", "));
  add("left running", task.left?.map((process) => `pid ${process}`).join(", "));
  return list;
}

function factList(list) {
  const element = make("dl");
  for (const [word, text, mono] of list) {
    element.append(make("dt", {}, word), make("dd", { class: mono && "mono" }, text));
  }
  return element;
}

// A whole bar in one sentence, for those who do not see it.
function sentence(task) {
  const parts = [`${task.id}: ${task.how ? `${task.state}, ${task.how}` : task.state}`];
  if (took(task) !== undefined) parts.push(`took ${duration(took(task))}`);
  if (task.from !== undefined) parts.push(`from ${duration(task.from)}`);
  if (onChain.has(task.number)) parts.push("on the critical chain");
  return parts.join(", ");
}
