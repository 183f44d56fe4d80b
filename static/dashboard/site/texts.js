/** The state of the data in words for people. Pure. */

/** Rows older than this are lagging; older than that, stale. Milliseconds. */
export const LAGGING = 3_000;
export const STALE = 15_000;

/** From worst to best: a page shows the state of its worst view. */
const ORDER = [
  "closed",
  "paused",
  "connecting",
  "waiting",
  "stale",
  "unverified",
  "live",
  "refused", // a view that is not served has no panel, unless none is
];

/** What the server says of a view, and how a person would say it. */
const REASONS = [
  [/^nothing was posted/, "no changes arrive from the pipeline"],
  [/^no pipeline has posted/, "the pipeline has not started yet"],
  [/recreated/, "the view was defined again, and its pipeline has not started yet"],
  [/behind the engine/, "the pipeline falls behind the database"],
  [/being read/, "its rows are being read"],
  [/unknown view/, "the database has no such view"],
  [/does not answer|connect|server closed|terminat/, "the database does not answer"],
];

/**
 * Say the server's reason in a person's words; a database's own text is not shown to visitors.
 *
 * @param {string} reason
 */
export function reasonText(reason) {
  if (reason === "") return "";
  return REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? "the database reports an error";
}

/** The standing of the worst view, with that view's name. */
export function worst(views) {
  return views
    .map(({ name, standing }) => ({ view: name, ...standing }))
    .sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))[0];
}

/**
 * @typedef {object} Description
 * @property {string} state
 * @property {string} word
 * @property {string} notice "" without one
 * @property {string} countdown apart from the notice: a screen reader should not read it each second
 * @property {boolean} canRetry
 */

/**
 * Describe the state of the data.
 *
 * @param {object} situation
 * @param {{state: string, reason: string, view: string, since: number}} situation.standing the worst
 * @param {boolean} situation.hasRows whether there is anything to see already
 * @param {?number} situation.age of what is seen, in milliseconds; null if it is not known
 * @param {?number} situation.wait milliseconds until the next attempt to connect; null during one
 * @returns {Description}
 */
export function describe({ standing, hasRows, age, wait }) {
  const { state } = standing;
  const plain = { state, notice: "", countdown: "", canRetry: false };
  if (state === "closed") return { ...plain, word: "Closed" };
  if (state === "paused") return { ...plain, word: "Paused" };
  if (state === "refused") return describeRefusal(standing);
  if (state === "connecting")
    return hasRows || wait !== null
      ? describeLost(hasRows, wait)
      : { ...plain, word: "Connecting" };
  if (state === "unverified") return { ...plain, word: "Unverified", notice: UNVERIFIED };
  if (!hasRows) return describeWaiting(standing);
  const isOld = age !== null && age > LAGGING;
  if (state === "live" && !isOld) return { ...plain, word: "Live" };
  return describeOld(standing, age);
}

const UNVERIFIED =
  "The checksum of these rows differs from the server's: some of them may be wrong.";

function describeRefusal({ reason }) {
  const notice = `The server refuses this page: ${reason || "it gave no reason"}.`;
  return { state: "refused", word: "Refused", notice, countdown: "", canRetry: true };
}

function describeLost(hasRows, wait) {
  const seconds = wait === null ? 0 : Math.ceil(wait / 1000);
  return {
    state: "lost",
    word: hasRows ? "Reconnecting" : "Not connected",
    notice: hasRows
      ? "The connection is lost: this is how things were."
      : "The server cannot be reached.",
    countdown: seconds === 0 ? "Trying again now." : `Trying again in ${seconds} s.`,
    canRetry: seconds > 0,
  };
}

function describeWaiting({ state, reason, view }) {
  const because = reasonText(reason);
  const isNews = state === "stale" || (because !== "" && !/being read/.test(reason));
  const notice = isNews ? `There are no rows to show yet: ${because} (${view}).` : "";
  return { state: "waiting", word: "Waiting", notice, countdown: "", canRetry: false };
}

/** Rows that are too old: which view is behind, since when, and why. */
function describeOld({ state, reason, view, since }, age) {
  const isStale = state !== "live" || (age ?? 0) > STALE;
  const because = reasonText(reason) || "nothing new arrives";
  const from = state === "live" ? "" : ` since ${timeText(since)}`;
  return {
    state: isStale ? "stale" : "lagging",
    word: isStale ? "Stale" : "Lagging",
    notice: isStale ? `“${view}” is not up to date${from}: ${because}.` : "",
    countdown: "",
    canRetry: false,
  };
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** The time of day: 19:03:12. @param {number} time milliseconds */
export function timeText(time) {
  return clock.format(time);
}

/** An age such as `0.4 s old`; "" for null. */
export function ageText(age) {
  return age === null ? "" : `${duration(age)} old`;
}

/** Milliseconds for people: 0.4 s, 12 s, 3 min, 2 h. */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** A rate such as `23 a second`. */
export function rateText(rate) {
  if (rate === null) return "";
  return `${rate < 9.95 ? rate.toFixed(1) : Math.round(rate)} a second`;
}

/** The source of the events, from `/about.json`; "" if the server does not name it. */
export function sourceText(about) {
  return typeof about?.source === "string" ? `Source: ${about.source}` : "";
}
