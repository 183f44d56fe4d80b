/** What is shown of each hop of the pipeline: a state, a word and some figures. Pure. */

import { duration, LAGGING, rateText, reasonText, timeText } from "../site/texts.js";

/** Nothing for so long is worth a word. Milliseconds. */
const QUIET = 5_000;

const numbers = new Intl.NumberFormat("en-US");
const count = (value) => (value === null ? "–" : numbers.format(value));
/** A rate, unless what counts is not heard: its last one is no news. */
const rate = (value, isHeard = true) => (isHeard && value !== null ? rateText(value) : "–");

/** @param {?number} bytes */
export function bytesText(bytes) {
  if (bytes === null) return "–";
  const unit = ["B", "KB", "MB", "GB"].find((_, at) => bytes < 1000 ** (at + 1)) ?? "TB";
  const power = ["B", "KB", "MB", "GB", "TB"].indexOf(unit);
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}

/** @typedef {{ state: "ok" | "quiet" | "bad" | "unknown", word: string, facts: [string, string][] }} Hop */

/**
 * The file that the source writes, as the engine reads it.
 *
 * @param {?{ lines: number, bytes: number, fileState: string, perSecond: ?number, quietFor: ?number }} file
 * @param {boolean} isReachable whether the engine says anything
 * @returns {Hop}
 */
export function describeFile(file, isReachable) {
  if (file === null) return { state: "unknown", word: "Not known", facts: [] };
  const facts = /** @type {[string, string][]} */ ([
    ["Lines", count(file.lines)],
    ["Size", bytesText(file.bytes)],
    ["New lines", rate(file.perSecond, isReachable)],
  ]);
  if (!isReachable) return { state: "unknown", word: "Not known", facts };
  if (file.fileState !== "followed")
    return { state: "bad", word: `The file was ${file.fileState}`, facts };
  if (file.quietFor !== null && file.quietFor > QUIET)
    return { state: "quiet", word: `No new line for ${duration(file.quietFor)}`, facts };
  return { state: "ok", word: "Growing", facts };
}

/**
 * @param {{ time: ?number, lag: ?number, problem: string }} engine
 * @returns {Hop}
 */
export function describeEngine({ time, lag, problem }) {
  const facts = /** @type {[string, string][]} */ ([
    ["Time", timeText(time) || "–"],
    ["Behind the clock", lag === null ? "–" : duration(lag)],
  ]);
  if (problem !== "") return { state: "bad", word: capital(reasonText(problem)), facts };
  if (lag === null) return { state: "unknown", word: "Not known", facts };
  if (lag > LAGGING) return { state: "quiet", word: "Lagging", facts };
  return { state: "ok", word: "Exact", facts };
}

/**
 * @param {?{ tails: number, updates: number, perSecond: ?number, lag: number, missing: string[] }} tails
 * @param {boolean} isReachable
 * @returns {Hop}
 */
export function describeTails(tails, isReachable) {
  if (tails === null) return { state: "unknown", word: "Not known", facts: [] };
  const facts = /** @type {[string, string][]} */ ([
    ["TAILs", count(tails.tails)],
    ["Rows out", count(tails.updates)],
    ["Rate", rate(tails.perSecond, isReachable)],
    ["Worst lag", duration(tails.lag)],
  ]);
  if (!isReachable) return { state: "unknown", word: "Not known", facts };
  if (tails.missing.length > 0) {
    const others = tails.missing.length === 1 ? "" : ` and ${tails.missing.length - 1} more`;
    return { state: "bad", word: `Nobody reads ${tails.missing[0]}${others}`, facts };
  }
  return tails.lag > LAGGING
    ? { state: "quiet", word: "Falling behind", facts }
    : { state: "ok", word: "Streaming", facts };
}

/**
 * @param {{ isReachable: boolean, isEngineHeard: boolean, deltas: ?number, perSecond: ?number, lag: ?number, bytes: ?number, clients: ?number, late: {name: string, problem: string}[] }} server
 * @returns {Hop}
 */
export function describeServer(server) {
  const { isReachable, isEngineHeard, deltas, perSecond, lag, bytes, clients, late } = server;
  const facts = /** @type {[string, string][]} */ ([
    ["Deltas", count(deltas)],
    ["Rate", rate(perSecond, isReachable)],
    ["Lag to the send", lag === null ? "–" : `${Math.round(lag)} ms`],
    ["Bytes posted", bytesText(bytes)],
    ["Clients", count(clients)],
  ]);
  if (!isReachable) return { state: "bad", word: "Does not answer", facts };
  if (!isEngineHeard) return { state: "quiet", word: "Waits for the database", facts };
  if (late.length === 0) return { state: "ok", word: "All views are live", facts };
  const [{ name, problem }] = late;
  const others = late.length === 1 ? "" : ` and ${late.length - 1} more`;
  return { state: "bad", word: `${name}${others}: ${reasonText(problem) || "not live"}`, facts };
}

/**
 * @param {{ state: string, messages: number, perSecond: ?number, age: ?number }} page
 * @returns {Hop}
 */
export function describePage({ state, messages, perSecond, age }) {
  const facts = /** @type {[string, string][]} */ ([
    ["Messages", count(messages)],
    ["Rate", rate(perSecond)],
    ["Age of the rows", age === null ? "–" : duration(age)],
  ]);
  if (state === "live") return { state: "ok", word: "Live", facts };
  if (state === "unverified") return { state: "bad", word: "A checksum differs", facts };
  if (state === "waiting") return { state: "quiet", word: "Waiting for rows", facts };
  return state === "stale"
    ? { state: "quiet", word: "Waiting for changes", facts }
    : { state: "bad", word: "Reconnecting", facts };
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
