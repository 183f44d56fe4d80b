/** The dashboard: follows two views and paints their rows. */

import { follow } from "../viewstream/index.js";
import { Bars } from "./bars.js";
import { Figure } from "./figure.js";
import { clockOffset, Freshness } from "./freshness.js";
import { Pulse } from "./pulse.js";
import { PulseChart } from "./pulse_chart.js";
import { ranking } from "./ranking.js";
import { ageText, describe, sourceText, worst } from "./texts.js";
import { ViewsTable } from "./views_table.js";

const SERVER = new URL("..", import.meta.url);
const element = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const still = () => calm.matches;

const stream = follow(["counter", "top10"], { server: SERVER });
const views = [...stream.views.values()];
const [counter, top10] = views;

const figure = new Figure(element("count"), still);
const bars = new Bars(element("bars"), still);
const pulse = new Pulse();
const chart = new PulseChart(document.querySelector("#pulse svg"), element("rate"));
const table = new ViewsTable(element("views"), views);
const freshness = new Freshness();
let offset = 0;
const serverNow = () => Date.now() + offset;

/** The only number in the view `counter`, or null if it is missing. */
let total = null;
/** The position of `total`; null before the first base. */
let known = null;

counter.onChange(({ epoch, upper }) => {
  const before = total;
  total = counter.rows()[0]?.count ?? null;
  // Also over a reconnect: within an epoch the difference is exact, with whatever came between.
  if (known?.epoch === epoch) pulse.add(known.upper, upper, difference(before, total));
  known = { epoch, upper };
});

/** Counts are numbers, or BigInts where a number would not be exact. */
function difference(before, after) {
  return Number(BigInt(after ?? 0) - BigInt(before ?? 0));
}

let isPaintScheduled = false;

/** Paint in the next frame, once for all changes until then. */
function paintSoon() {
  if (isPaintScheduled) return;
  isPaintScheduled = true;
  requestAnimationFrame(() => {
    isPaintScheduled = false;
    paint();
  });
}

function paint() {
  const loaded = views.filter((view) => view.loaded);
  if (counter.loaded) figure.show(total);
  if (top10.loaded) {
    const ranked = ranking(top10.rows());
    bars.show(ranked);
    element("editors-note").hidden = ranked.length > 0;
    element("editors-note").textContent = "No edits yet: the view is empty.";
  }
  if (loaded.length > 0)
    freshness.painted(Math.min(...loaded.map(({ asOf }) => asOf)), serverNow());
  showStanding();
}

function showStanding() {
  const standing = worst(views);
  const hasRows = views.some(({ loaded }) => loaded);
  const wait = stream.retryAt === null ? null : Math.max(0, stream.retryAt - Date.now());
  const { word, notice, countdown } = describe(standing, hasRows, wait);
  element("standing").dataset.state = standing.state;
  document.body.dataset.state = hasRows ? standing.state : "empty";
  setText(element("standing-text"), word);
  setText(element("notice-text"), notice);
  setText(element("countdown"), countdown);
  element("notice").hidden = notice === "";
}

/** Show what changes as time passes, once a second. */
function tick() {
  const now = serverNow();
  setText(element("age"), ageText(freshness.read(now)));
  if (counter.asOf !== null && counter.asOf !== Infinity) chart.show(pulse.until(counter.asOf));
  table.show();
  showStanding();
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Ask for the source of the events and the server's clock. Not every server names a source. */
async function askAbout() {
  const asked = Date.now();
  const response = await fetch(new URL("about.json", SERVER), { cache: "no-store" });
  offset = clockOffset(response.headers.get("Date"), asked, Date.now());
  if (response.ok) element("source").textContent = sourceText(await response.json());
}

for (const view of views) {
  view.onChange(paintSoon);
  view.onStanding(paintSoon);
}
setInterval(tick, 1000);
askAbout().catch((error) => console.info(`the server does not name its source: ${error.message}`));
