// The conflicts that a race check found: a mark in the lane of each side, at
// its time, and a line from one to the other. The lines are in one picture
// that is as large as what is in sight.

const MARKS = 200; // more of them would be a thicket

const races = run.races ?? [];
const clashes = { svg: undefined, current: undefined };

const drawing = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);

function setUpRaces() {
  if (races.length === 0) return;
  clashes.svg = timeline.body.appendChild(drawing("svg"));
  clashes.svg.setAttribute("class", "clashes");
  clashes.svg.setAttribute("aria-hidden", "true");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-race]");
    if (button) showRace(Number(button.dataset.race), button.classList.contains("race"));
  });
}

// From the timeline to the list, or from the list to the timeline.
function showRace(number, toList) {
  const item = (n) => document.getElementById(`race${n}`);
  if (clashes.current !== undefined) item(clashes.current).classList.remove("current");
  clashes.current = number;
  item(number).classList.add("current");
  hideHover();
  if (toList) {
    item(number).scrollIntoView({ block: "nearest" });
    item(number).querySelector("button").focus({ preventScroll: true });
    draw();
    return;
  }
  const ends = endsOf(races[number]);
  if (ends.length === 0) return draw();
  const times = ends.map((end) => end.time);
  const [from, until] = [Math.min(...times), Math.max(...times)];
  const around = Math.max((until - from) * 0.3, run.span * 0.02);
  zoomTo(Math.max(0, from - around), Math.min(run.span, until + around));
  timeline.scroller.scrollTop = Math.max(0, Math.min(...ends.map((end) => end.lane)) * LANE);
  timeline.root.scrollIntoView({ block: "nearest" });
  draw();
}

// Where its sides are; one whose lane is not shown is nowhere.
function endsOf(race) {
  const lane = (task) => (task < 0 ? -1 : timeline.laneOf.get(`task${task}`));
  const ends = race.sides.map(({ task, time }) => ({ lane: task === undefined ? undefined : lane(task), time }));
  return ends.filter((end) => end.lane !== undefined);
}

function drawRaces({ scale, gutter, from, until, first }) {
  if (!clashes.svg) return;
  const { body, scriptLane, scroller } = timeline;
  const left = gutter + from * scale;
  const [width, height] = [scroller.clientWidth - gutter, Math.max(LANE, Math.min(body.offsetHeight - first * LANE, scroller.clientHeight))];
  clashes.svg.setAttribute("width", width);
  clashes.svg.setAttribute("height", height);
  clashes.svg.style.left = `${left}px`;
  clashes.svg.style.top = `${first * LANE}px`;
  const lines = [];
  let marks = 0;
  races.forEach((race, number) => {
    const ends = endsOf(race);
    const times = ends.map((end) => end.time);
    const current = number === clashes.current;
    if (Math.max(...times) < from || Math.min(...times) > until || (marks >= MARKS && !current)) return;
    const looks = `${race.level}${current ? " current" : ""}`;
    ends.forEach(({ lane, time }, side) => {
      marks++;
      const make_ = () => make("button", { type: "button", tabindex: -1, "data-race": number, "aria-label": race.heading });
      const mark = place(`race${number}/${side}`, lane < 0 ? scriptLane : body, make_, gutter + time * scale, undefined, (lane < 0 ? 0 : lane * LANE) + 3);
      mark.className = `race ${looks}`;
    });
    if (ends.length < 2) return;
    const line = drawing("line");
    line.setAttribute("class", looks);
    ends.forEach(({ lane, time }, side) => {
      line.setAttribute(`x${side + 1}`, (time - from) * scale);
      // The script's lane is above all others.
      line.setAttribute(`y${side + 1}`, (lane < 0 ? 0 : lane * LANE + 13) - first * LANE);
    });
    lines.push(line);
  });
  clashes.svg.replaceChildren(...lines);
}
