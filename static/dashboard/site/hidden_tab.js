/**
 * Lets a tab that nobody sees cost nothing: after a minute its connection is closed, and opened
 * again when it is seen. The server then sends one merged change of each view, painted at once.
 */

/** A short look at another tab should not cost a reconnect. Milliseconds. */
const PATIENCE = 60_000;

/** @param {import("../../viewstream/types/index.js").Stream} stream */
export function pauseWhileHidden(stream) {
  let timer = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(stream.pause, PATIENCE);
    else if (stream.state === "paused") stream.resume();
  });
}
