/** React hooks. Components that follow the same views share one connection. */

import { createContext, createElement, useContext, useSyncExternalStore } from "react";
import { share } from "./shared.js";
import { NO_ROWS } from "./table.js";

/** @import { ReactNode } from "react" */
/** @import { Options, Standing } from "./types/index.js" */
/** @typedef {ReturnType<typeof share>} Shared */

const Context = createContext(/** @type {?Shared} */ (null));
/** @type {Standing} */
const ON_SERVER = Object.freeze({ state: "connecting", reason: "", since: 0 });
/** React subscribes again whenever it gets another function. @type {WeakMap<object, any>} */
const subscribes = new WeakMap();

/**
 * Make a function that subscribes to `target` and uses its stream until then.
 *
 * @param {Shared} shared
 * @param {{subscribe: (callback: () => void) => () => void}} target
 */
function subscribeTo(shared, target) {
  const known = subscribes.get(target);
  if (known) return known;
  const subscribe = (/** @type {() => void} */ callback) => {
    const unsubscribe = target.subscribe(callback);
    const release = shared.use();
    return () => {
      unsubscribe();
      release();
    };
  };
  subscribes.set(target, subscribe);
  return subscribe;
}

/**
 * Let the components below follow several views over one connection.
 *
 * @param {Options<any> & {views: readonly string[], children?: ReactNode}} props
 */
export function StreamProvider({ views, children, ...options }) {
  return createElement(Context.Provider, { value: share(views, options) }, children);
}

/**
 * @param {readonly string[] | undefined} views
 * @param {Options<any> | undefined} options
 */
function useShared(views, options) {
  const provided = useContext(Context);
  if (
    provided &&
    (!views || (!options && views.every((name) => provided.stream.views.has(name))))
  ) {
    return provided;
  }
  if (!views) throw new Error("expected a StreamProvider around this component, found none");
  return share(views, options);
}

/**
 * The stream of these views, connected while the component is mounted; without views, the
 * provider's.
 *
 * @param {readonly string[]} [views]
 * @param {Options<any>} [options]
 */
export function useStream(views, options) {
  const shared = useShared(views, options);
  const { stream } = shared;
  useSyncExternalStore(
    subscribeTo(shared, stream),
    () => stream.state,
    () => "connecting",
  );
  return stream;
}

/**
 * The rows of a view and its standing; the component renders again when they change.
 *
 * @param {string} name
 * @param {Options<any>} [options]
 */
export function useView(name, options) {
  const shared = useShared([name], options);
  const view = shared.stream.view(name);
  const subscribe = subscribeTo(shared, view);
  const rows = useSyncExternalStore(subscribe, view.snapshot, () => NO_ROWS);
  const { state, reason } = useSyncExternalStore(
    subscribe,
    () => view.standing,
    () => ON_SERVER,
  );
  return { rows, state, reason, loaded: view.loaded, view };
}
