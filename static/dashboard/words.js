/** What the page says, in words. Pure. */

/** From bad to good: the page as a whole stands as its worst view does. */
const ORDER = ["closed", "connecting", "waiting", "stale", "unverified", "live"];

const WORDS = {
  closed: "Closed",
  connecting: "Connecting",
  waiting: "Waiting",
  stale: "Stale",
  unverified: "Unverified",
  live: "Live",
};

const NOTICES = {
  waiting: "The server has no rows to show yet.",
  stale: "Nothing new reaches the server: what you see may be out of date.",
  unverified: "The checksum of these rows is not the server's: they may be wrong.",
};

/** The standing of the view that is worst off, with that view's name. */
export function worst(views) {
  return views
    .map(({ name, standing }) => ({ view: name, ...standing }))
    .sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))[0];
}

/**
 * One word for the standing, a sentence (or "") for what a person should know about it, and what
 * of it changes by the second: that is not to be read aloud each time.
 *
 * @param {{state: string, reason: string, view: string}} standing
 * @param {boolean} shown whether there is anything to see already
 * @param {?number} wait milliseconds until the next attempt to connect; null while there is one
 */
export function describe({ state, reason, view }, shown, wait) {
  if (state === "connecting" && shown) {
    const seconds = wait === null ? 0 : Math.ceil(wait / 1000);
    return {
      word: "Reconnecting",
      notice: "The connection is lost: what you see is how things stood then.",
      countdown: seconds === 0 ? "Trying again now." : `Trying again in ${seconds} s.`,
    };
  }
  const notice = NOTICES[state] ?? "";
  const because = state === "connecting" ? `The server refuses: ${reason}.` : `${view}: ${reason}.`;
  return {
    word: WORDS[state],
    notice: reason === "" ? notice : `${notice} ${because}`.trim(),
    countdown: "",
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

/** What to call an editor; names are other people's text and only ever shown as text. */
export function editorName(user) {
  if (user === null) return { text: "not known", isName: false };
  return user === "" ? { text: "no name", isName: false } : { text: user, isName: true };
}

/** Where the events come from, from `/about.json`; "" if the server does not say. */
export function sourceText(about) {
  return typeof about?.source === "string" ? `Source: ${about.source}` : "";
}
