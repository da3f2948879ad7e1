// What is known of the bar under the pointer, or of the one with the focus.

const HOVERED = "[data-key], .cluster, .race";
const hover = document.getElementById("hover");

function setUpHover() {
  const { root } = timeline;
  root.addEventListener("pointerover", (event) => showHover(event.target.closest(HOVERED), event.clientX));
  root.addEventListener("pointerleave", hideHover);
  root.addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) showHover(event.target.closest(HOVERED));
  });
  root.addEventListener("focusout", hideHover);
  timeline.scroller.addEventListener("scroll", hideHover, { passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideHover());
}

function hideHover() {
  hover.hidden = true;
}

function showHover(element, x) {
  if (!element) return hideHover();
  hover.replaceChildren(...hoverText(element));
  hover.hidden = false;
  const box = element.getBoundingClientRect();
  const { width, height } = hover.getBoundingClientRect();
  const left = x === undefined ? Math.max(box.left, timeline.root.getBoundingClientRect().left + gutter()) : x + 12;
  hover.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  const below = box.bottom + 8;
  hover.style.top = `${below + height > innerHeight && box.top > height ? box.top - height - 8 : below}px`;
}

function hoverText(element) {
  if (element.classList.contains("cluster")) return [make("strong", {}, element.getAttribute("aria-label").replace(/: zoom in$/, "")), make("p", {}, "click to zoom in")];
  if (element.classList.contains("race")) return [make("strong", {}, element.getAttribute("aria-label")), make("p", {}, "click for both its sides")];
  const item = itemOf(element.dataset.key);
  if (!item) return [];
  if (item.task) return [make("strong", {}, item.task.id), factList(facts(item.task)), make("p", {}, "click for its log")];
  const time = [["from, to", `${duration(item.from)} to ${duration(item.until)}`], ["for", duration(item.until - item.from)]];
  if (!item.wait) return [make("strong", {}, "the script runs"), factList(time)];
  const at = item.wait.at ? [["at", item.wait.at]] : [];
  return [make("strong", {}, `the script waits for ${waitedFor(item.wait)}`), factList([...time, ...at])];
}
