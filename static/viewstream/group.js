/** The views of a stream: their rows, their standing, and their common time. */

import { CommonTime } from "./common.js";
import { History, milliseconds } from "./history.js";
import { Listeners } from "./listeners.js";
import { spellName } from "./names.js";
import { ViewState } from "./state.js";
import { View } from "./view.js";

/** @import { ViewChange } from "./change.js" */
/** @import { Moment, Options, State } from "./types/index.js" */
/** @import { CoreChange } from "./types/internal.js" */

/** What `keep` may take for each view, unless the page says otherwise. Bytes. */
const KEEP_BYTES = 16_000_000;

/** @typedef {{core: ViewState, view: View, history: ?History}} Entry */

export class ViewGroup {
  #options;
  #now;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** Null until somebody asks for the common time. @type {?CommonTime} */
  #common = null;
  /** The views at the common time. @type {Map<string, View>} */
  #aligned = new Map();
  #moments = new Listeners();
  /** @type {Map<string, View>} */
  views = new Map();

  /**
   * @param {readonly string[]} names
   * @param {Options<any>} options
   * @param {() => number} now
   */
  constructor(names, options, now) {
    this.#options = options;
    this.#now = now;
    for (const name of names) this.#add(name);
    if (options.together) this.#startCommonTime(this.views);
  }

  /** @param {string} name */
  #add(name) {
    const { int8 = "number", keys = {}, keep } = this.#options;
    const core = new ViewState(name);
    const history = keep === undefined ? null : makeHistory(keep);
    const found = Object.hasOwn(keys, name) ? /** @type {any} */ (keys)[name] : [];
    const key = [found ?? []].flat();
    const together = () => this.#alignedView(name);
    const view = new View(core, { int8, key, history, together }, this.#now());
    this.#entries.set(name, { core, view, history });
    this.views.set(name, view);
  }

  /** The states of all views. */
  get cores() {
    return [...this.#entries.values()].map(({ core }) => core);
  }

  /** The views whose past is kept. @returns {import("./past.js").Kept[]} */
  get kept() {
    return [...this.#entries].flatMap(([name, { core, history }]) =>
      history === null ? [] : { name, history, rows: () => core.rows },
    );
  }

  /** @param {string} name */
  core(name) {
    return this.#entries.get(name)?.core;
  }

  /** @param {string} name */
  view = (name) => this.#entry(name).view;

  /** @param {string} name */
  #entry(name) {
    const entry = this.#entries.get(spellName(name));
    if (entry !== undefined) return entry;
    const names = [...this.#entries.keys()].join(", ");
    throw new Error(`expected a view that this stream follows (${names}), found ${name}`);
  }

  /** The views that the common time waits for, and since when. */
  get waitingFor() {
    return [...this.views.values()]
      .filter(({ standing: { state } }) => state === "waiting" || state === "stale")
      .filter(({ asOf }) => asOf !== Infinity)
      .map(({ name, standing }) => ({ view: name, ...standing }));
  }

  /** @param {(moment: Moment<any>) => void} listener */
  onChange = (listener) => {
    this.#startCommonTime(null);
    const moment = this.#moment(new Map());
    if (moment) listener(moment);
    return this.#moments.add(listener);
  };

  /**
   * Show a change, and call the listeners.
   *
   * @param {CoreChange} change
   */
  deliver(change) {
    const { core, view, history } = this.#entry(change.view);
    history?.record(change, core.rows);
    this.#common?.push(change);
    if (!this.#options.together) view.apply(change, core.rows);
    const moved = this.#moveAligned();
    if (!this.#options.together) view.announce();
    this.#announceAligned(moved);
  }

  /** Move all views to the next common time, before any listener is called. */
  #moveAligned() {
    const changes = this.#common?.advance() ?? [];
    return changes.map((change) => {
      const view = /** @type {View} */ (this.#aligned.get(change.view));
      view.apply(change, null);
      return view;
    });
  }

  /** @param {View[]} moved */
  #announceAligned(moved) {
    if (moved.length === 0) return;
    const changes = new Map(moved.map((view) => [view.name, view.change]));
    for (const view of moved) view.announce();
    this.#moments.call(this.#moment(changes));
  }

  /** @param {Map<string, ?ViewChange>} changes */
  #moment(changes) {
    const time = this.#common?.frontier ?? null;
    const view = (/** @type {string} */ name) => this.#alignedView(name);
    return time === null ? null : /** @type {Moment<any>} */ ({ time, changes, view });
  }

  /** @param {string} name */
  #alignedView(name) {
    this.#startCommonTime(null);
    return /** @type {View} */ (this.#aligned.get(this.#entry(name).view.name));
  }

  /**
   * Begin to keep a common time, shown by `views`, or by views of its own.
   *
   * @param {?Map<string, View>} views
   */
  #startCommonTime(views) {
    if (this.#common !== null) return;
    this.#common = new CommonTime(this.#entries.keys());
    this.#aligned = views ?? new Map();
    for (const [name, { core, view }] of this.#entries) {
      if (views !== null) continue;
      const { replica } = core;
      this.#aligned.set(name, view.twin());
      if (replica === null) continue;
      const { epoch, frontier: upper, columns } = replica;
      const rows = new Map(replica.rows);
      this.#common.push({ view: name, epoch, lower: null, upper, columns, rows, updates: null });
    }
    this.#announceAligned(this.#moveAligned());
  }

  /**
   * Set the standing of a view to what its core knows.
   *
   * @param {string} name
   */
  setFromCore(name) {
    const { core, view } = this.#entry(name);
    const { status, replica, unverified } = core;
    const state = status?.state;
    const reason = status?.reason ?? "";
    const own = replica === null ? "waiting" : unverified ? "unverified" : "live";
    const isOfServer = state === "waiting" || state === "stale" || state === "refused";
    this.#set(view.name, isOfServer ? state : own, reason);
  }

  /**
   * Set the standing of all views, which may be another one for each: a listener may change it.
   *
   * @param {() => ?{state: State, reason: string}} read
   */
  setAll(read) {
    for (const name of this.#entries.keys()) {
      const standing = read();
      if (standing) this.#set(name, standing.state, standing.reason);
    }
  }

  /**
   * @param {string} name
   * @param {State} state
   * @param {string} reason
   */
  #set(name, state, reason) {
    const now = this.#now();
    const isOtherSet = this.#common?.exclude(name, state === "refused") ?? false;
    this.views.get(name)?.setStanding(state, reason, now);
    this.#aligned.get(name)?.setStanding(state, reason, now);
    if (isOtherSet) this.#announceAligned(this.#moveAligned());
  }
}

/** @param {NonNullable<Options["keep"]>} keep */
function makeHistory(keep) {
  const { time, bytes = KEEP_BYTES } = typeof keep === "object" ? keep : { time: keep };
  return new History(milliseconds(time), bytes);
}
