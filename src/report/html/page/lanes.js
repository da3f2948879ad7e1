// Who is drawn in which lane of the timeline. A lane is a list of items that
// do not overlap, in the order of time.

// One lane for each task, in the order of their starts.
function laneEach(list) {
  return known(list)
    .sort((a, b) => start(a) - start(b) || a.number - b.number)
    .map((task) => [{ ...taskItem(task), begin: start(task) }]);
}

// Each task in the first lane that is free when its command begins.
function lanePacked(list) {
  const lanes = [];
  const free = [];
  for (const task of known(list).sort((a, b) => a.from - b.from || a.number - b.number)) {
    let at = free.findIndex((time) => time <= task.from);
    if (at < 0) at = lanes.push([]) - 1;
    lanes[at].push(taskItem(task));
    free[at] = Math.max(task.until, task.from + 1);
  }
  return lanes;
}

const known = (list) => list.filter((task) => task.from !== undefined);
const start = (task) => task.started ?? task.from;

// `begin` is where the item begins to be drawn: with its time in a queue, or without.
function taskItem(task) {
  return { key: `task${task.number}`, task, from: task.from, until: task.until, begin: task.from };
}

// The script's own lane: where it ran, and where it was blocked.
function laneOfScript() {
  const end = run.exited ?? run.span;
  const waits = run.waits
    .map((wait, number) => ({ key: `wait${number}`, wait, from: wait.from, until: Math.min(wait.until, end) }))
    .filter(({ wait, from, until }) => wait.by === undefined && from < until)
    .sort((a, b) => a.from - b.from);
  const items = [];
  let at = 0;
  for (const wait of [...waits, { from: end, until: end }]) {
    if (wait.from > at) items.push({ key: `run${items.length}`, from: at, until: wait.from });
    if (wait.wait) items.push(wait);
    at = Math.max(at, wait.until);
  }
  return items.map((item) => ({ ...item, begin: item.from }));
}

// How many tasks were at work: [time, count] wherever that changes.
function atWork() {
  const changes = [];
  for (const task of tasks) {
    if (task.began === undefined || task.until <= task.began) continue;
    changes.push([task.began, 1], [task.until, -1]);
  }
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const steps = [[0, 0]];
  let count = 0;
  for (const [time, by] of changes) {
    count += by;
    if (steps.at(-1)[0] === time) steps.at(-1)[1] = count;
    else steps.push([time, count]);
  }
  return steps;
}

// Items of a lane as they are drawn: what would be too narrow to be seen or
// hit is put together with its neighbours, up to a width that is worth a closer
// look; what failed not with what did not, where there is room. `apart` is never
// put together.
function* drawn(lane, scale, from, until, apart) {
  let first = lane.length > 64 ? firstAfter(lane, from) : 0;
  const narrow = (item) => (item.until - item.begin) * scale < 5 && item.key !== apart;
  const failed = (item) => Boolean(item.task && looks(item.task) === "bad");
  for (; first < lane.length && lane[first].begin <= until; first++) {
    if (lane[first].until < from) continue;
    let last = first;
    if (narrow(lane[first])) {
      const joins = (item) => {
        const width = (item.until - lane[first].begin) * scale;
        return narrow(item) && (item.begin - lane[last].until) * scale < 3 && width < 160 && (width < 4 || failed(item) === failed(lane[first]));
      };
      while (last + 1 < lane.length && joins(lane[last + 1])) last++;
    }
    yield lane.slice(first, last + 1);
    first = last;
  }
}

function firstAfter(lane, time) {
  let [low, high] = [0, lane.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane[middle].until < time) low = middle + 1;
    else high = middle;
  }
  // A cluster may begin outside and reach in.
  return Math.max(0, low - 1);
}
