// How many tasks were at work, as a small graph above the lanes.

const work = { steps: atWork(), svg: undefined, path: undefined };
work.most = work.steps.reduce((most, step) => Math.max(most, step[1]), 0);

function setUpWork(row) {
  const svg = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
  work.svg = svg("svg");
  work.svg.setAttribute("aria-hidden", "true");
  work.path = work.svg.appendChild(svg("path"));
  const text = `${work.most} at once`;
  row.append(make("div", { class: "gutter soft", title: `so many tasks were at work at once: ${work.most} at most` }, text), work.svg);
}

// Of each column of pixels the most that were at work in it.
function drawWork({ scale, gutter, from }) {
  const width = timeline.scroller.clientWidth - gutter;
  const height = 30;
  const { steps, most, svg, path } = work;
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.style.left = `${gutter + from * scale}px`;
  let at = steps.findLastIndex((step) => step[0] <= from);
  let count = at < 0 ? 0 : steps[at][1];
  const points = [`M0 ${height}`];
  for (let x = 0; x < width; x++) {
    const until = from + (x + 1) / scale;
    let high = count;
    while (at + 1 < steps.length && steps[at + 1][0] < until) {
      count = steps[++at][1];
      high = Math.max(high, count);
    }
    points.push(`V${(height - (high / Math.max(1, most)) * (height - 2)).toFixed(1)}H${x + 1}`);
    if (from + x / scale > run.span) break;
  }
  path.setAttribute("d", `${points.join("")}V${height}Z`);
}
