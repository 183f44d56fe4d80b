/** The page of the pipeline itself: each hop with its figures, outages, and the messages as they come. */

import { follow } from "../../viewstream/index.js";
import { append, setText } from "../site/dom.js";
import { pauseWhileHidden } from "../site/hidden_tab.js";
import { visibleText } from "../site/safe_text.js";
import { StandingDisplay } from "../site/standing.js";
import { ageText, describe, LAGGING, timeText, worst } from "../site/texts.js";
import { Refresher } from "../views/refresher.js";
import { TABLES } from "./dataflow_graph.js";
import { DataflowPanel } from "./dataflow_panel.js";
import { HopBox } from "./hop_box.js";
import {
  describeEngine,
  describeFile,
  describePage,
  describeServer,
  describeTails,
} from "./hops.js";
import { Messages } from "./messages.js";
import { Metrics, Rate } from "./metrics.js";
import { outageText, Recovery } from "./recovery.js";

const SERVER = new URL("../..", import.meta.url);
const INTERNAL = ["mz_source_statistics", "mz_tails", ...TABLES];
/** Views that are followed to see that they converge. */
const FOLLOWED = 2;

const element = (id) => document.getElementById(id);
const boxes = Object.fromEntries(
  ["file", "engine", "tails", "server", "page"].map((id) => [id, new HopBox(element(id))]),
);
const rates = {
  lines: new Rate(),
  rows: new Rate(),
  deltas: new Rate(),
  sends: new Rate(),
  lags: new Rate(),
  messages: new Rate(),
};
const messages = new Messages();
const dataflow = new DataflowPanel(element("dataflow"));
const recovery = new Recovery();
const refresher = new Refresher(new URL("view/list", SERVER), 1_000, onList);
/** @type {?import("../../viewstream/types/index.js").Stream} */
let stream = null;
let list = null;
/** The server's clock is ahead of this computer's by so much. */
let offset = 0;
let metrics = new Metrics("");
/** Whether everything was well once: what comes before is no outage. */
let hasBegun = false;
/** @type {StandingDisplay} */
const display = new StandingDisplay(() => {
  stream?.retry();
  refresher.ask();
});

function onList(answer) {
  list = answer;
  offset = answer.time - Date.now();
  if (stream === null) begin(answer.views.map(({ name }) => name));
  askMetrics().catch((error) => console.info(`the server gives no metrics: ${error.message}`));
}

/** Follow some views once their names are known. */
function begin(names) {
  const own = names.filter((name) => !name.startsWith("mz_"));
  const chosen = ["counter", "top10"].filter((name) => own.includes(name));
  const followed = [...chosen, ...own.filter((name) => !chosen.includes(name))].slice(0, FOLLOWED);
  const internal = INTERNAL.filter((name) => names.includes(name));
  if (followed.length + internal.length === 0) return;
  stream = follow([...followed, ...internal], {
    server: SERVER,
    WebSocket: messages.socketClass,
  });
  for (const view of stream.views.values()) view.onStanding(show);
  pauseWhileHidden(stream);
}

async function askMetrics() {
  const response = await fetch(new URL("metrics", SERVER), { cache: "no-store" });
  if (!response.ok) return;
  metrics = new Metrics(await response.text());
  const now = Date.now();
  rates.deltas.add(metrics.sum("viewstream_posts_total", 'outcome="taken"'), now);
  rates.sends.add(metrics.sum("viewstream_lag_seconds_count"), now);
  rates.lags.add(metrics.sum("viewstream_lag_seconds_sum"), now);
}

function rowsOf(name) {
  const view = stream?.views.get(name);
  return view?.loaded ? view.snapshot() : null;
}

/** The engine's time of a view's rows: a base may be older than the moment at which it comes. */
function timeOf(name, now) {
  const asOf = stream?.views.get(name)?.asOf ?? null;
  return asOf === null || asOf === Infinity ? now : asOf;
}

function show() {
  const now = Date.now();
  const views = [...(stream?.views.values() ?? [])];
  const isReachable = list !== null && !refresher.problem && refresher.refusal === "";
  const late = isReachable ? list.views.filter(({ state }) => state !== "live") : [];
  const engineProblem = isReachable ? problemOfEngine(list.views) : "";
  const isEngineHeard = isReachable && engineProblem === "";
  const own = views.filter(({ name }) => !INTERNAL.includes(name));
  const asOf = views.every(({ loaded }) => loaded) ? least(own.map((view) => view.asOf)) : null;
  const age = ageOf(asOf, now);
  const engineTime = views.reduce((time, view) => Math.max(time, view.asOf ?? 0), 0) || null;
  const tails = tailFacts(now, isReachable ? list.views : []);
  boxes.file.show(describeFile(fileFacts(now), isEngineHeard));
  boxes.engine.show(
    describeEngine({
      time: engineTime,
      lag: isEngineHeard ? ageOf(engineTime, now) : null,
      problem: engineProblem,
    }),
  );
  boxes.tails.show(describeTails(tails, isEngineHeard));
  boxes.server.show(describeServer({ ...serverFacts(), isReachable, isEngineHeard, late }));
  rates.messages.add(messages.count, now);
  const standing = views.length === 0 ? null : worst(views);
  const state = standing?.state ?? "connecting";
  const { perSecond } = rates.messages;
  boxes.page.show(describePage({ state, messages: messages.count, perSecond, age }));
  const missing = tails?.missing ?? [];
  noteTrouble({ now, state, isReachable, engineProblem, late, missing, age, asOf: asOf ?? 0 });
  showStanding(standing, asOf, age);
  showOutages(now);
  showMessages();
  dataflow.show(rowsOf, stream?.views.get("mz_message_counts")?.asOf ?? null);
}

/** What the engine is said to do wrong: the problem that all views share. */
function problemOfEngine(views) {
  const problems = views.map(({ problem }) => problem ?? "");
  const isShared =
    problems.length > 0 && problems.every((problem) => /engine|database/.test(problem));
  return isShared ? problems[0] : "";
}

function noteTrouble({ now, state, isReachable, engineProblem, late, missing, age, asOf }) {
  const isLive = state === "live" || state === "unverified";
  const troubles = [
    (!isReachable || state === "connecting") && "The server does not answer",
    engineProblem !== "" && "The database does not answer",
    missing.length > 0 && `Nobody reads ${visibleText(missing[0])}`,
    late.length > 0 && `${visibleText(late[0].name)} is not live`,
    !isLive && "Rows are missing",
    Number(age) > LAGGING && "Changes are late",
  ];
  hasBegun ||= !troubles.some(Boolean);
  if (!hasBegun) return;
  recovery.note({
    at: now,
    troubles,
    asOf: asOf - offset,
    verifiedAt: state === "unverified" ? 0 : messages.checksumAt,
  });
}

function fileFacts(now) {
  const rows = rowsOf("mz_source_statistics");
  if (rows === null || rows.length === 0) return null;
  const [row] = [...rows].sort((a, b) => Number(b.bytes_read) - Number(a.bytes_read));
  const time = timeOf("mz_source_statistics", now);
  rates.lines.add(Number(row.rows_read), time);
  const { perSecond, grewAt } = rates.lines;
  return {
    lines: Number(row.rows_read),
    bytes: Number(row.bytes_read),
    fileState: String(row.file_state),
    perSecond,
    quietFor: grewAt === null ? null : time - grewAt,
  };
}

function tailFacts(now, served) {
  const rows = rowsOf("mz_tails");
  if (rows === null) return null;
  const updates = rows.reduce((sum, row) => sum + Number(row.updates_sent), 0);
  rates.rows.add(updates, timeOf("mz_tails", now));
  const lag = Math.max(0, ...rows.map((row) => Number(row.lag_ms)));
  const read = new Set(rows.map(({ name }) => name));
  const missing = served
    .map(({ name }) => name)
    .filter((name) => !read.has(name.split(".").at(-1)));
  return { tails: rows.length, updates, perSecond: rates.rows.perSecond, lag, missing };
}

function serverFacts() {
  const [lags, sends] = [rates.lags.perSecond, rates.sends.perSecond];
  return {
    deltas: metrics.sum("viewstream_posts_total", 'outcome="taken"'),
    perSecond: rates.deltas.perSecond,
    lag: lags !== null && sends ? (1000 * lags) / sends : null,
    bytes: metrics.sum("viewstream_received_bytes_total"),
    clients: metrics.sum("viewstream_clients"),
  };
}

function ageOf(time, now) {
  return time === null || time === Infinity ? null : Math.max(0, now + offset - time);
}

function least(times) {
  return times.length === 0 ? null : Math.min(...times.map((time) => time ?? 0));
}

function showStanding(standing, asOf, age) {
  display.showAge(ageText(age));
  const retryAt = stream?.retryAt ?? null;
  const wait = retryAt === null ? null : Math.max(0, retryAt - Date.now());
  const isAway = standing === null && refresher.problem;
  const reason = refresher.refusal;
  const none = { state: reason === "" ? "connecting" : "refused", reason, view: "" };
  display.show(
    describe({
      standing: standing ?? none,
      hasRows: asOf !== null,
      asOf,
      age,
      wait: isAway ? 0 : wait,
    }),
  );
}

function showOutages(now) {
  setText(element("now"), recovery.describe(now) || "Nothing is wrong.");
  element("now").dataset.state = recovery.describe(now) === "" ? "ok" : "bad";
  const texts = recovery.outages.map((one) => `${timeText(one.began)} ${outageText(one)}`);
  const place = element("outages");
  if (place.childElementCount !== texts.length || place.firstChild?.textContent !== texts[0]) {
    place.replaceChildren();
    for (const text of texts) append(place, "li").textContent = text;
  }
}

function showMessages() {
  if (!element("messages-box").open) return;
  const place = element("messages");
  const texts = messages.last.map(({ at, text }) => `${timeText(at)}  ${text}`);
  while (place.childElementCount < texts.length) append(place, "li");
  for (const [at, text] of texts.entries()) setText(place.children[at], visibleText(text));
}

refresher.onSettled = show;
refresher.start();
setInterval(show, 500);
