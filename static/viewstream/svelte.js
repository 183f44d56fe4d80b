/** Svelte stores: `$top10` is the rows. Stores of the same views share one connection. */

import { share } from "./shared.js";

/** @import { Options } from "./types/index.js" */

/**
 * A store of one view's rows, connected while somebody subscribes to it.
 *
 * @param {string} name
 * @param {Options<any> & {views?: readonly string[]}} options `views`: all that share the connection
 */
export function viewStore(name, { views = [name], ...options } = {}) {
  const shared = share(views, options);
  const view = shared.stream.view(name);
  return {
    view,
    stream: shared.stream,
    subscribe: storeOf(shared, view, view.snapshot).subscribe,
    /** A store of `{state, reason, since}`. */
    standing: storeOf(shared, view, () => view.standing),
  };
}

/**
 * @template T
 * @param {ReturnType<typeof share>} shared
 * @param {{subscribe: (callback: () => void) => () => void}} view
 * @param {() => T} read
 */
function storeOf(shared, view, read) {
  return {
    /** @param {(value: T) => void} run */
    subscribe(run) {
      let last = read();
      const unsubscribe = view.subscribe(() => {
        const value = read();
        if (value === last) return;
        last = value;
        run(value);
      });
      const release = shared.use();
      run(read());
      return () => {
        unsubscribe();
        release();
      };
    },
  };
}
