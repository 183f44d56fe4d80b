/** The texts of the page. Pure. */

/** From worst to best: the page shows the state of its worst view. */
const ORDER = [
  "closed",
  "refused",
  "paused",
  "connecting",
  "waiting",
  "stale",
  "unverified",
  "live",
];

const WORDS = {
  closed: "Closed",
  refused: "Refused",
  paused: "Paused",
  connecting: "Connecting",
  waiting: "Waiting",
  stale: "Stale",
  unverified: "Unverified",
  live: "Live",
};

const NOTICES = {
  waiting: "The server has no rows to show yet.",
  stale: "Nothing new reaches the server: these rows may be out of date.",
  unverified: "The checksum of these rows differs from the server's: they may be wrong.",
};

/** The standing of the worst view, with that view's name; of equal ones, of one with a reason. */
export function worst(views) {
  const rank = ({ state, reason }) => 2 * ORDER.indexOf(state) + (reason === "" ? 1 : 0);
  return views
    .map(({ name, standing }) => ({ view: name, ...standing }))
    .sort((a, b) => rank(a) - rank(b))[0];
}

/**
 * Describe a standing: a word, a notice (or ""), and a countdown (or ""), which is apart since a
 * screen reader should not read it every second.
 *
 * @param {{state: string, reason: string, view: string}} standing
 * @param {boolean} hasRows whether there is anything to see already
 * @param {?number} wait milliseconds until the next attempt to connect; null during one
 */
export function describe({ state, reason, view }, hasRows, wait) {
  if (state === "connecting" && hasRows) return describeLost(wait);
  const notice = NOTICES[state] ?? "";
  if (reason === "") return { word: WORDS[state], notice, countdown: "" };
  const isOfServer = state === "refused" || state === "connecting";
  const because = isOfServer ? `The server refuses: ${reason}.` : `${view}: ${reason}.`;
  return { word: WORDS[state], notice: `${notice} ${because}`.trim(), countdown: "" };
}

function describeLost(wait) {
  const seconds = wait === null ? 0 : Math.ceil(wait / 1000);
  return {
    word: "Reconnecting",
    notice: "The connection is lost: these rows are from before.",
    countdown: seconds === 0 ? "Trying again now." : `Trying again in ${seconds} s.`,
  };
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

/** The name of an editor. Strangers choose names, so they are only ever shown as text. */
export function editorName(user) {
  if (user === null) return { text: "not known", isName: false };
  return user === "" ? { text: "no name", isName: false } : { text: user, isName: true };
}

/** The source of the events, from `/about.json`; "" if the server does not name it. */
export function sourceText(about) {
  return typeof about?.source === "string" ? `Source: ${about.source}` : "";
}
