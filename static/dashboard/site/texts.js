/** The state of the data in words for people. Pure. */

/** Rows older than this are lagging; older than that, stale. Milliseconds. */
export const LAGGING = 3_000;
const STALE = 15_000;

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
  [/^no pipeline has posted/, "no changes have come from the pipeline so far"],
  [/are not what its TAIL/, "the database's answers do not agree with its changes"],
  [/recreated/, "the view was defined again, and its pipeline has not started yet"],
  [/behind the engine/, "the pipeline falls behind the database"],
  [/being read|no base has been read/, "the rows are being read"],
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

/** The standing of the worst view, with that view's name; of equal ones, of one with a reason. */
export function worst(views) {
  const rank = ({ state, reason }) => 2 * ORDER.indexOf(state) + (reason === "" ? 1 : 0);
  return views
    .map(({ name, standing }) => ({ view: name, ...standing }))
    .sort((a, b) => rank(a) - rank(b))[0];
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
 * @typedef {object} Situation
 * @property {{state: string, reason: string, view: string}} standing of the worst view
 * @property {boolean} hasRows whether there is anything to see already
 * @property {?number} asOf up to when what is seen is known; null if it is not
 * @property {?number} age of what is seen, in milliseconds; null if it is not known
 * @property {?number} wait milliseconds until the next attempt to connect; null during one
 * @property {{label: string, state: string, reason: string, asOf: ?number, age: ?number}[]} [late] views that are
 *     behind, while the others are not
 */

/**
 * Describe the state of the data.
 *
 * @param {Situation} situation
 * @returns {Description}
 */
export function describe(situation) {
  const { standing, hasRows, wait, late = [] } = situation;
  const { state } = standing;
  if (state === "refused") return describeRefusal(standing);
  if (state === "connecting" && (hasRows || wait !== null)) return describeLost(hasRows, wait);
  if (state in WORDS) return plain(state, WORDS[state]);
  if (state === "unverified") return { ...plain(state, "Unverified"), notice: UNVERIFIED };
  if (!hasRows) return describeWaiting(standing);
  return late.length > 0 ? describeLate(late) : describeAge(situation);
}

const WORDS = { closed: "Closed", paused: "Paused", connecting: "Connecting" };
const UNVERIFIED =
  "The checksum of these rows differs from the server's: some of them may be wrong.";

/** @returns {Description} */
function plain(state, word) {
  return { state, word, notice: "", countdown: "", canRetry: false };
}

function describeRefusal({ reason }) {
  const notice = `The server refuses this page: ${reason || "it gave no reason"}.`;
  return { ...plain("refused", "Refused"), notice, canRetry: true };
}

function describeLost(hasRows, wait) {
  const seconds = wait === null ? 0 : Math.ceil(wait / 1000);
  return {
    ...plain("lost", hasRows ? "Reconnecting" : "Not connected"),
    notice: hasRows
      ? "The connection is lost. This is how things were."
      : "The server cannot be reached.",
    countdown: seconds === 0 ? "Trying again now." : `Trying again in ${seconds} s.`,
    canRetry: seconds > 0,
  };
}

function describeWaiting({ reason }) {
  const because = reasonText(reason);
  const isNews = because !== "" && !/being read/.test(reason);
  return {
    ...plain("waiting", "Waiting"),
    notice: isNews ? `There is nothing to show yet: ${because}.` : "",
  };
}

/** All rows are of one time: live, or behind as a whole. */
function describeAge({ standing, age, asOf }) {
  const because = reasonText(standing.reason);
  const isStale = standing.state === "stale" || Number(age) > STALE;
  if (!isStale && Number(age) <= LAGGING) {
    const notice = because === "" ? "" : `All is up to date still, but ${because}.`;
    return { ...plain("live", "Live"), notice };
  }
  const since = timeText(asOf) === "" ? "" : ` since ${timeText(asOf)}`;
  const notice = `Nothing is new${since}: ${because || "no changes arrive"}.`;
  if (isStale) return { ...plain("stale", "Stale"), notice };
  return { ...plain("lagging", "Lagging"), notice: because === "" ? "" : notice };
}

/** Some views are behind, and the others go on without them. */
function describeLate(late) {
  const isStale = late.some(({ state, age }) => state !== "live" || age === null || age > STALE);
  if (!isStale) return plain("lagging", "Partly lagging");
  const [{ label, reason, asOf }, ...others] = late;
  const [names, have] =
    others.length === 0 ? [label, "has"] : [`${label} and ${others.length} more`, "have"];
  const since = asOf === null ? "no rows yet" : `stopped at ${timeText(asOf)}`;
  const because = reasonText(reason) || "no changes arrive";
  const notice = `${names} ${have} ${since}: ${because}. The rest goes on.`;
  return { ...plain("partly-stale", "Partly stale"), notice };
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** The last texts by second: a page shows the same few times in each paint. */
const TIMES = new Map();
const MOST_TIMES = 100;

/** The time of day: 19:03:12; "" where there is none. @param {?number} time milliseconds */
export function timeText(time) {
  if (!Number.isFinite(time)) return "";
  const second = Math.floor(time / 1000);
  const text = TIMES.get(second) ?? clock.format(time);
  if (TIMES.size >= MOST_TIMES) TIMES.clear();
  TIMES.set(second, text);
  return text;
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

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

/** A rate such as `23 a second`. */
export function rateText(rate) {
  if (rate === null) return "";
  return `${rate < 9.95 ? rate.toFixed(1) : whole.format(rate)} a second`;
}

/** The source of the events, from `/about.json`; "" if the server does not name it. */
export function sourceText(about) {
  return typeof about?.source === "string" ? `Source: ${about.source}` : "";
}
