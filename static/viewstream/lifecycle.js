/** Events of the page and jumps of the clock that concern a connection. */

/** @import { Environment } from "./types/internal.js" */

/** After these the network may be another one, or much time may have passed. */
const WAKE = ["online", "visibilitychange", "focus"];
/** The browser stores the page or stops it: an open socket would prevent it, or be cut. */
const PAUSE = ["pagehide", "freeze"];
const RESUME = ["pageshow", "resume"];

/** How often the clock is compared with a timer, and by how much it may be off. Milliseconds. */
const TICK = 2_000;
const JUMP = 5_000;

/**
 * Call back on events of the page, where there is one; returns a function that ends it.
 *
 * @param {Pick<Environment, "events" | "now" | "setTimeout" | "clearTimeout">} environment
 * @param {{wake: () => void, pause: () => void, resume: () => void}} stream
 */
export function watchPage({ events, now, setTimeout, clearTimeout }, { wake, pause, resume }) {
  const handlers = [
    ...WAKE.map((name) => /** @type {const} */ ([name, wake])),
    ...PAUSE.map((name) => /** @type {const} */ ([name, pause])),
    ...RESUME.map((name) => /** @type {const} */ ([name, resume])),
  ];
  // Captured, since `freeze` and `resume` of a document do not bubble.
  for (const [name, handler] of handlers) events?.addEventListener?.(name, handler, true);
  let before = now();
  /** @type {any} */
  let timer;
  const schedule = () => {
    timer = setTimeout(tick, TICK);
    // Only a connection keeps a Node process alive.
    timer?.unref?.();
  };
  const tick = () => {
    const passed = now() - before;
    before += passed;
    schedule();
    // A laptop that slept, or a clock that was set: the socket may be dead, a wait may be over.
    if (Math.abs(passed - TICK) > JUMP) wake();
  };
  schedule();
  return () => {
    clearTimeout(timer);
    for (const [name, handler] of handlers) events?.removeEventListener?.(name, handler, true);
  };
}
