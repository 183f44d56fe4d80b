/** The client library: exact copies of a server's views. `docs/client.md` explains its use. */

import { spellName } from "./names.js";
import { Stream } from "./stream.js";

export { part } from "./names.js";
export { readValue } from "./values.js";

/** @import { Options } from "./types/index.js" */
/** @import { Environment } from "./types/internal.js" */

/** Where this module was loaded from. Not a literal below: bundlers would take it for a file. */
const HERE = import.meta.url;

/**
 * Follow views of a server; the stream begins to connect at once.
 *
 * @param {readonly string[]} names names of views, as the server knows them
 * @param {Options<any>} options
 */
export function follow(names, options = {}) {
  checkArguments(names, options);
  const spelled = names.map(spellName);
  /** @type {[string, any][]} */
  const given = Object.entries(options.keys ?? {});
  const keys = Object.fromEntries(given.map(([name, key]) => [spellName(name), key]));
  for (const name of Object.keys(keys)) {
    if (!spelled.includes(name))
      throw new Error(`expected keys of ${spelled.join(", ")}, found ${name}`);
  }
  const { WebSocket, environment, server = defaultServer(), every } = options;
  const world = { ...browser(), ...(WebSocket && { WebSocket }), ...environment };
  const settled = { ...options, keys };
  // Rows of bases may have weights.
  const path = `view/stream?weights=1${every ? `&every=${every}` : ""}`;
  return new Stream(spelled, new URL(path, withSlash(server)), settled, world);
}

/** The server that this module came from, or else the page: a bundler moves the module. */
function defaultServer() {
  if (/^https?:.*\/viewstream\/index\.js$/.test(HERE) && !HERE.includes("/node_modules/")) {
    return new URL("..", HERE);
  }
  const origin = globalThis.location?.origin;
  if (!origin?.startsWith("http")) {
    throw new Error('expected a server, such as {server: "http://127.0.0.1:8888"}, found none');
  }
  return origin;
}

/**
 * Throw an error for what could never connect: a plain page has no types that would show it.
 *
 * @param {readonly string[]} names
 * @param {Options<any>} options
 */
function checkArguments(names, { transport, int8, token }) {
  if (!Array.isArray(names)) throw new Error(`expected an array of names, found ${names}`);
  checkChoice("transport", transport, ["websocket", "sse"]);
  checkChoice("int8", int8, ["number", "bigint", "string"]);
  const kind = typeof token;
  if (token && kind !== "function")
    throw new Error(`expected a function as token, found a ${kind}`);
}

/**
 * @param {string} option
 * @param {string | undefined} found
 * @param {string[]} choices
 */
function checkChoice(option, found, choices) {
  if (found === undefined || choices.includes(found)) return;
  throw new Error(`expected ${choices.join(" or ")} as ${option}, found ${found}`);
}

/** @param {string | URL} server */
function withSlash(server) {
  let url;
  try {
    url = new URL(server);
  } catch {}
  if (!url?.protocol.startsWith("http")) {
    throw new Error(`expected a server, such as "http://127.0.0.1:8888", found ${server}`);
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** @returns {Environment} */
function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: globalThis.fetch?.bind(globalThis),
    now: Date.now,
    random: Math.random,
    setTimeout: globalThis.setTimeout.bind(globalThis),
    clearTimeout: /** @type {(timer: any) => void} */ (globalThis.clearTimeout.bind(globalThis)),
    defer,
    events: globalThis,
  };
}

/**
 * Run `task` after the page had its turn; unlike a timer, not slowed down in a hidden tab.
 *
 * @param {() => void} task
 */
function defer(task) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    task();
  };
  port2.postMessage(null);
}
