/** The dashboard: follows two views and paints what they hold. */

import { follow } from "../viewstream/index.js";
import { Bars } from "./bars.js";
import { Figure } from "./figure.js";
import { Freshness, clockOffset } from "./freshness.js";
import { Pulse } from "./pulse.js";
import { PulseChart } from "./pulse_chart.js";
import { ranking } from "./ranking.js";
import { refusalOf } from "./refusals.js";
import { ViewsTable } from "./views_table.js";
import { ageText, describe, sourceText, worst } from "./words.js";

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

/** The one number that the view `counter` holds, or null if it is not there. */
let total = null;

counter.onChange(({ lower, upper }) => {
  const before = total;
  total = counter.rows()[0]?.count ?? null;
  if (lower === null) pulse.clear();
  else pulse.add(lower, upper, Number((total ?? 0n) - (before ?? 0n)));
});

let asked = false;

/** Paint in the next frame, once, however much changes until then. */
function paintSoon() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    paint();
  });
}

function paint() {
  const known = views.filter(({ loaded }) => loaded);
  if (counter.loaded) figure.show(total);
  if (top10.loaded) {
    const ranked = ranking(top10.rows());
    bars.show(ranked);
    element("editors-note").hidden = ranked.length > 0;
    element("editors-note").textContent = "No edits yet: the view is empty.";
  }
  if (known.length > 0) freshness.painted(Math.min(...known.map(({ asOf }) => asOf)), serverNow());
  tellStanding();
}

function tellStanding() {
  const standing = worst(views);
  const shown = views.some(({ loaded }) => loaded);
  const wait = stream.retryAt === null ? null : Math.max(0, stream.retryAt - Date.now());
  if (standing.state === "connecting") standing.reason = refusal;
  const { word, notice, countdown } = describe(standing, shown, wait);
  element("standing").dataset.state = standing.state;
  document.body.dataset.state = shown ? standing.state : "empty";
  setText(element("standing-text"), word);
  setText(element("notice-text"), notice);
  setText(element("countdown"), countdown);
  element("notice").hidden = notice === "";
}

/** What changes with time alone, once a second. */
function tick() {
  const now = serverNow();
  setText(element("age"), ageText(freshness.read(now)));
  if (counter.asOf !== null && counter.asOf !== Infinity) chart.show(pulse.until(counter.asOf));
  table.show();
  tellStanding();
  if (stream.retryAt !== null && !views.some(({ loaded }) => loaded)) askWhyNot();
}

/** Why the server lets this page in not at all, if it says so. */
let refusal = "";
let asking = false;

async function askWhyNot() {
  if (asking) return;
  asking = true;
  refusal = await refusalOf(SERVER, [...stream.views.keys()]);
  asking = false;
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Ask where the events come from, and what time it is there. Not every server says. */
async function askAbout() {
  const asked = Date.now();
  const answer = await fetch(new URL("about.json", SERVER), { cache: "no-store" });
  offset = clockOffset(answer.headers.get("Date"), asked, Date.now());
  if (answer.ok) element("source").textContent = sourceText(await answer.json());
}

for (const view of views) {
  view.onChange(paintSoon);
  view.onStanding(paintSoon);
}
setInterval(tick, 1000);
askAbout().catch((error) => console.info(`the server says nothing about itself: ${error.message}`));
