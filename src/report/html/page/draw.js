// What of the timeline is in sight. However many tasks there are, only that is
// in the document: each part has a key, `draw` puts there those that belong
// there now, and takes the others away.

const JOINTS = 150; // more of them would be a thicket

const placed = new Map(); // key to element
let wanted = new Set();

// Puts a part where it belongs: makes it at its first sight, then moves it.
function place(key, into, make, left, width, y) {
  let element = placed.get(key);
  if (!element) {
    element = make();
    placed.set(key, element);
    into.append(element);
  }
  wanted.add(key);
  element.style.left = `${left}px`;
  if (width !== undefined) element.style.width = `${width}px`;
  if (y !== undefined) element.style.top = `${y}px`;
  return element;
}

// All is made anew: the lanes are others now.
function forget() {
  placed.forEach((element) => element.remove());
  placed.clear();
}

let pending = false;
function soon() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    draw();
  });
}

function draw() {
  const t = timeline;
  // First, for what is in sight depends on them.
  t.body.style.height = `${Math.max(1, t.lanes.length) * LANE + 4}px`;
  setZoom(t.zoom);
  wanted = new Set();
  const sight = {
    scale: scale(),
    gutter: gutter(),
    from: t.scroller.scrollLeft / scale(),
    until: (t.scroller.scrollLeft + t.scroller.clientWidth - gutter()) / scale(),
    first: Math.floor(t.scroller.scrollTop / LANE),
    last: Math.ceil((t.scroller.scrollTop + t.scroller.clientHeight) / LANE),
  };
  drawAxis(sight);
  drawLane(sight, -1, t.script, t.scriptLane);
  for (let n = sight.first; n <= Math.min(sight.last, t.lanes.length - 1); n++) drawLane(sight, n, t.lanes[n], t.body);
  drawCurrent(sight);
  drawChain(sight);
  drawRaces(sight);
  drawWork(sight);
  if (t.lanes.length === 0) {
    place("none", t.body, () => make("div", { class: "empty" }, tasks.length ? "No task matches the filter." : "No task was started."), sight.gutter);
  }
  for (const [key, element] of placed) {
    if (wanted.has(key)) continue;
    element.remove();
    placed.delete(key);
  }
}

// Ticks at round times, some 110 pixels apart.
function drawAxis({ scale, gutter, from, until }) {
  const least = 110 / scale;
  const units = [1, 2, 5].flatMap((n) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((u) => n * u));
  const long = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].map((s) => s * 1e6);
  const step = [...units.sort((a, b) => a - b), ...long].find((unit) => unit >= least) ?? Math.ceil(least / 864e8) * 864e8;
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step / 1e6))));
  for (let n = Math.ceil(from / step); n * step <= Math.min(until, run.span); n++) {
    const time = n * step;
    const text = time < 60e6 || step < 1e6 ? `${(time / 1e6).toFixed(digits)}s` : duration(time);
    const key = `${time}/${step}`;
    place(`tick ${key}`, timeline.axis, () => make("div", { class: "tick" }, text), gutter + time * scale);
    place(`grid ${key}`, timeline.grid, () => make("div", { class: "gridline" }), gutter + time * scale);
  }
}

function drawLane(sight, number, lane, into) {
  const y = number < 0 ? 0 : number * LANE;
  if (number >= 0) {
    place(`gutter${number}`, into, () => make("div", { class: "slot" }, gutterOf(lane, number)), 0, undefined, y);
  }
  for (const group of drawn(lane, sight.scale, sight.from, sight.until, timeline.current?.key)) {
    if (group.length === 1) drawItem(sight, group[0], into, y);
    else drawCluster(sight, group, into, y);
  }
}

// The bar that has or may get the focus is there wherever one looks.
function drawCurrent(sight) {
  const { current, laneOf, body, scriptLane } = timeline;
  if (!current || wanted.has(current.key)) return;
  const number = laneOf.get(current.key);
  drawItem(sight, current, number < 0 ? scriptLane : body, number < 0 ? 0 : number * LANE);
}

function gutterOf(lane, number) {
  if (timeline.packed) return make("div", { class: "gutter soft" }, `${number + 1}`);
  const { task } = lane[0];
  const mark = task.state === "succeeded" ? undefined : make("span", { class: `sign ${looks(task)}` }, sign(task));
  return make("div", { class: "gutter", title: task.id }, mark ?? "", task.id);
}

function drawItem(sight, item, into, y) {
  const { scale, gutter } = sight;
  const left = gutter + item.from * scale;
  const width = Math.max(3, (item.until - item.from) * scale);
  const { task } = item;
  if (task && item.begin < item.from && (item.from - item.begin) * scale > 2) {
    const start = gutter + item.begin * scale;
    place(`queue${task.number}`, into, () => make("div", { class: "queue" }), start, left - start, y + 9);
  }
  const element = place(item.key, into, () => makeItem(item), left, width, y + 3);
  if (element.tagName === "BUTTON") element.tabIndex = item.key === timeline.current?.key ? 0 : -1;
  label(element, item, left, width, sight);
  if (task) drawInner(sight, task, into, y);
}

function makeItem({ key, task, wait }) {
  if (task) return make("button", { type: "button", class: `bar ${task.began === undefined ? "never" : looks(task)}`, "data-key": key, "aria-label": sentence(task) }, make("span"));
  if (!wait) return make("div", { class: "run", "data-key": key }, make("span"));
  return make("button", { type: "button", class: "wait", "data-key": key, "aria-label": `the script waits for ${waitedFor(wait)}` }, make("span"));
}

const waitedFor = (wait) => (wait.on === undefined ? "any task" : tasks[wait.on].id);

// The text of a bar: in it where there is room, else beside it where nothing
// else can be. What has been scrolled out at the left does not take its text along.
function label(element, item, left, width, sight) {
  const span = element.firstChild;
  const seen = Math.max(0, sight.gutter + sight.from * sight.scale - left);
  const { task, wait } = item;
  const time = duration(task && took(task) === undefined ? undefined : item.until - item.from);
  let text = !task ? (wait ? `waits for ${waitedFor(wait)}` : "runs") : timeline.packed ? (task.state === "succeeded" ? task.id : `${sign(task)} ${task.id}`) : time || task.state;
  const inside = width - seen > (task && !timeline.packed ? 58 : 46);
  let where = "";
  if (!inside) {
    if (!task || timeline.packed) text = "";
    else where = left + width + 80 < sight.gutter + timeline.scroller.scrollLeft + timeline.scroller.clientWidth - sight.gutter || timeline.zoom > 1 ? "beside" : "before";
    if (task && !timeline.packed && left < sight.gutter + 80) where = "beside";
  }
  if (span.textContent !== text) span.textContent = text;
  span.className = where;
  span.style.marginLeft = inside && seen > 0 && width - seen > 60 ? `${seen}px` : "";
}

// Where a task waited for tasks of its own.
const waitsWithin = new Map();
run.waits.forEach((wait, number) => {
  if (wait.by === undefined) return;
  if (!waitsWithin.has(wait.by)) waitsWithin.set(wait.by, []);
  waitsWithin.get(wait.by).push([wait, number]);
});

function drawInner({ scale, gutter }, task, into, y) {
  for (const [wait, number] of waitsWithin.get(task.number) ?? []) {
    const width = (Math.min(wait.until, task.until) - wait.from) * scale;
    if (width > 3) place(`inner${number}`, into, () => make("div", { class: "wait inner" }), gutter + wait.from * scale, width, y + 15);
  }
}

function drawCluster({ scale, gutter }, group, into, y) {
  const [from, until] = [group[0].begin, group.at(-1).until];
  const width = Math.max(4, (until - from) * scale);
  const list = group.map((item) => item.task).filter(Boolean);
  const bad = list.filter((task) => looks(task) === "bad").length;
  const kind = list.length === 0 ? "script" : bad > 0 ? "bad" : "";
  const what = list.length === 0 ? "the script runs and waits in turn" : plural(list.length, "task") + (bad > 0 ? `, ${bad} failed` : "");
  const key = `cluster ${group[0].key} ${group.length}`;
  const element = place(key, into, () => {
    const attributes = { type: "button", class: `cluster ${kind}`, tabindex: -1, "aria-label": `${what}: zoom in`, "data-from": from, "data-until": until };
    return make("button", attributes, make("span", {}, list.length ? `${bad > 0 ? "✗ " : ""}${what}` : ""));
  }, gutter + from * scale, width, y + 3);
  element.firstChild.hidden = width < 90 || list.length === 0;
}

// The critical chain: a strip in the bars that it leads through, and a line
// where it goes from one lane to another. Of a task in a packed lane only the
// bar is drawn, so the chain comes to it when it leaves its queue, and goes
// when it ends, though the script may have come for it later.
function drawChain({ scale, gutter, from, until, first, last }) {
  const { laneOf, body, scriptLane, packed } = timeline;
  const laneOfLink = (link) => (link?.task === undefined ? -1 : laneOf.get(`task${link.task}`));
  const begin = (link) => (packed && link.task !== undefined ? Math.min(link.until, Math.max(link.from, tasks[link.task].from)) : link.from);
  const end = (link) => (packed && link.task !== undefined ? Math.max(begin(link), Math.min(link.until, tasks[link.task].until)) : link.until);
  const strips = new Map();
  const joints = [];
  run.chain.forEach((link, number) => {
    if (link.until < from || link.from > until) return;
    const [lane, next] = [laneOfLink(link), run.chain[number + 1]];
    if (next && lane !== undefined && ![lane, undefined].includes(laneOfLink(next))) joints.push([number, begin(next), lane, laneOfLink(next)]);
    if (lane === undefined || (lane >= 0 && (lane < first || lane > last)) || begin(link) === end(link)) return;
    // Strips of which nobody could see that they are two are one.
    const [left, right] = [gutter + begin(link) * scale, gutter + end(link) * scale];
    let strip = strips.get(lane);
    if (!strip || left - strip.right > 2) strips.set(lane, (strip = { number, left }));
    strip.right = Math.max(right, strip.left + 3);
    place(`chain${strip.number}`, lane < 0 ? scriptLane : body, () => make("div", { class: "chain" }), strip.left, strip.right - strip.left, (lane < 0 ? 0 : lane * LANE) + 19);
  });
  if (joints.length > JOINTS) return;
  for (const [number, time, one, other] of joints) {
    const [high, low] = [Math.min(one, other), Math.max(one, other)];
    // The script's lane is above all others.
    const y = high < 0 ? -LANE * 3 : high * LANE + 23;
    const element = place(`joint${number}`, body, () => make("div", { class: "joint" }), gutter + time * scale, undefined, y);
    element.style.height = `${low * LANE + 19 - y}px`;
  }
}
