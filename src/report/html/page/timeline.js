// The timeline: what it consists of, its lanes, zoom and keys. What is in sight
// is drawn by draw.js. Of all bars one can be tabbed to; the arrow keys lead
// from it to the others.

const LANE = 26; // pixels, as the style has it
const FEW = 100; // so many tasks get a lane each
const WIDEST = 4e6; // pixels; browsers do not lay out much more

const timeline = {
  root: document.getElementById("timeline"),
  script: laneOfScript(),
  found: tasks,
  lanes: [],
  laneOf: new Map(), // an item's key to its lane; the script's is -1
  packed: tasks.length > FEW,
  zoom: 1,
  current: undefined, // the item that can be tabbed to
};

function setUpTimeline() {
  const t = timeline;
  const part = (name, into) => (t[name] = into.appendChild(make("div", { class: name })));
  part("scroller", t.root);
  part("plane", t.scroller);
  part("grid", t.plane);
  part("top", t.plane);
  part("axis", t.top).append(make("div", { class: "gutter soft" }, "time"));
  t.scriptLane = t.top.appendChild(make("div", { class: "lane" }, make("div", { class: "gutter" }, "script")));
  setUpWork(part("work", t.top));
  part("body", t.plane);
  t.scroller.addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(soon).observe(t.scroller);
  t.scroller.addEventListener("wheel", wheel, { passive: false });
  t.root.addEventListener("keydown", timelineKey);
  t.root.addEventListener("click", timelineClick);
  document.getElementById("zoom-in").addEventListener("click", () => zoomBy(1.6));
  document.getElementById("zoom-out").addEventListener("click", () => zoomBy(1 / 1.6));
  document.getElementById("zoom-fit").addEventListener("click", () => zoomTo(0, run.span));
  document.getElementById("lanes").addEventListener("click", () => {
    t.packed = !t.packed;
    layOut(t.found);
  });
  filter.listeners.push(layOut);
}

// Gives the tasks that are shown their lanes.
function layOut(found) {
  const t = timeline;
  t.found = found;
  t.lanes = t.packed ? lanePacked(found) : laneEach(found);
  t.laneOf.clear();
  t.script.forEach((item) => t.laneOf.set(item.key, -1));
  t.lanes.forEach((lane, number) => lane.forEach((item) => t.laneOf.set(item.key, number)));
  if (!t.laneOf.has(t.current?.key)) t.current = firstItem();
  document.getElementById("lanes").setAttribute("aria-pressed", String(!t.packed));
  t.root.classList.toggle("each", !t.packed);
  forget();
  draw();
}

// The task that has most of the critical chain, else the first.
function firstItem() {
  const items = allItems();
  return items.reduce((best, item) => ((onChain.get(item.task.number) ?? 0) > (onChain.get(best.task.number) ?? 0) ? item : best), items[0]);
}

const allItems = () => timeline.lanes.flat();

// Pixels. In lanes of their own narrow bars have their text beside them.
const gutter = () => timeline.scriptLane.firstChild.offsetWidth;
const margin = () => (timeline.packed ? 12 : 84);
const room = () => Math.max(120, timeline.scroller.clientWidth - gutter() - margin());
const scale = () => (room() * timeline.zoom) / Math.max(1, run.span);

// A zoom of so much keeps the moment under that point of the window where it is.
function zoomBy(factor, x) {
  const { scroller } = timeline;
  const within = (x === undefined ? gutter() + room() / 2 : x - scroller.getBoundingClientRect().left) - gutter();
  const time = (scroller.scrollLeft + within) / scale();
  setZoom(timeline.zoom * factor);
  scroller.scrollLeft = time * scale() - within;
  draw();
}

function zoomTo(from, until) {
  setZoom(run.span / Math.max(1, until - from));
  timeline.scroller.scrollLeft = from * scale();
  draw();
}

function setZoom(zoom) {
  timeline.zoom = Math.min(Math.max(1, zoom), Math.max(1, WIDEST / room()));
  timeline.plane.style.width = `${gutter() + room() * timeline.zoom + margin()}px`;
}

function wheel(event) {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomBy(event.deltaY < 0 ? 1.25 : 0.8, event.clientX);
}

function timelineClick(event) {
  const element = event.target.closest("[data-key], .cluster");
  if (!element) return;
  if (element.classList.contains("cluster")) {
    const [from, until] = [Number(element.dataset.from), Number(element.dataset.until)];
    const around = (until - from) * 0.05 + 500;
    zoomTo(Math.max(0, from - around), Math.min(run.span, until + around));
    return;
  }
  const item = itemOf(element.dataset.key);
  timeline.current = item;
  const task = item.task ?? tasks[item.wait?.on];
  if (task) openTask(task, timeline.found, element);
  draw();
}

function itemOf(key) {
  const number = timeline.laneOf.get(key);
  const lane = number < 0 ? timeline.script : timeline.lanes[number];
  return lane?.find((item) => item.key === key);
}

function timelineKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const zooms = { "+": 1.6, "=": 1.6, "-": 1 / 1.6 };
  const moves = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  if (event.key in zooms) zoomBy(zooms[event.key]);
  else if (event.key === "0") zoomTo(0, run.span);
  else if (event.key in moves) go(...moves[event.key]);
  else if (event.key === "Home") focusItem(byBegin()[0]);
  else if (event.key === "End") focusItem(byBegin().at(-1));
  else return;
  event.preventDefault();
}

const byBegin = () => allItems().sort((a, b) => a.begin - b.begin || timeline.laneOf.get(a.key) - timeline.laneOf.get(b.key));

// To the next bar of the lane, else to the next that begins; or to the bar of
// the next lane that is nearest in time.
function go(along, across) {
  const { current, laneOf, lanes, script } = timeline;
  if (!current) return;
  const number = laneOf.get(current.key);
  const laneAt = (n) => (n < 0 ? script.filter((item) => item.wait) : lanes[n]);
  if (across) {
    const lane = number + across < -1 ? undefined : laneAt(number + across);
    if (!lane?.length) return;
    const middle = (item) => Math.max(item.from, Math.min(item.until, (current.from + current.until) / 2));
    const distance = (item) => Math.abs(middle(item) - (current.from + current.until) / 2);
    focusItem(lane.reduce((best, item) => (distance(item) < distance(best) ? item : best)));
    return;
  }
  const lane = laneAt(number);
  const next = lane[lane.findIndex((item) => item.key === current.key) + along];
  if (next || number < 0) return focusItem(next);
  const all = byBegin();
  focusItem(all[all.findIndex((item) => item.key === current.key) + along]);
}

function focusItem(item) {
  if (!item) return;
  const { scroller, laneOf, top } = timeline;
  timeline.current = item;
  const [left, right] = [item.begin * scale(), item.until * scale()];
  const view = scroller.clientWidth - gutter() - margin();
  if (left < scroller.scrollLeft || right > scroller.scrollLeft + view) {
    scroller.scrollLeft = right - left > view ? left : (left + right) / 2 - view / 2;
  }
  const lane = laneOf.get(item.key);
  if (lane >= 0) {
    const height = scroller.clientHeight - top.offsetHeight;
    const y = lane * LANE;
    if (y < scroller.scrollTop) scroller.scrollTop = y;
    else if (y + 2 * LANE > scroller.scrollTop + height) scroller.scrollTop = y + 2 * LANE - height;
  }
  draw();
  placed.get(item.key)?.focus({ preventScroll: true });
}
