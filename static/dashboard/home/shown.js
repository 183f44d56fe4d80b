/**
 * The time that the page shows, and the rows at it.
 *
 * - Live: all views at the common time of the stream.
 * - Past: all views as they were at a time that is kept, or that the server's log has.
 * - Apart: while some views are late, the others go on, at a time that is common to them; the late
 *   ones keep their last rows. Otherwise one view that is stuck would stop the whole page.
 */

import { LAGGING } from "../site/texts.js";

/** A late view is one of the others again when it has reached them, or is so near. Milliseconds. */
const NEAR = 300;
/** The library's time of a view that can no longer change is beyond any date. */
const LATEST = 8.64e15;
/** How long the first rows wait for those of the other views. Milliseconds. */
const FIRST_WAIT = 1_500;

/** @import { Moment, Stream, View } from "../../viewstream/types/index.js" */

export class Shown {
  #stream;
  /** @type {?Moment} */
  #moment = null;
  /** @type {?number} */
  #past = null;
  /** The time that the reader chose; it may be before all that is kept so far. @type {?number} */
  #wish = null;
  /** Grows when more of the past is known. */
  generation = 0;
  /** @type {Set<string>} */
  #late = new Set();
  /** Views that were refused, also while a connection is lost. @type {Set<string>} */
  #refused = new Set();
  #loadedAt = Infinity;

  /** @param {Stream} stream */
  constructor(stream) {
    this.#stream = stream;
    stream.onChange((moment) => {
      this.#moment = moment;
    });
  }

  get isLive() {
    return this.#past === null;
  }

  /** Find the views that are late. To be called before rows are read. @param {number} now */
  update(now) {
    for (const { name, loaded, standing } of this.#stream.views.values()) {
      if (standing.state === "refused") this.#refused.add(name);
      else if (loaded) this.#refused.delete(name);
    }
    const loaded = this.served.filter((view) => view.loaded);
    if (loaded.length > 0) this.#loadedAt = Math.min(this.#loadedAt, now);
    const newest = Math.max(...loaded.map(({ asOf }) => asOf).filter(Number.isFinite));
    const reached = this.#commonTime;
    const isLate = ({ name, asOf, loaded }) => {
      if (!loaded) return now - this.#loadedAt > FIRST_WAIT;
      if (!this.#late.has(name)) return newest - asOf > LAGGING;
      return asOf < reached && newest - asOf > NEAR;
    };
    this.#late = new Set(this.served.filter(isLate).map(({ name }) => name));
  }

  /** The views that the server serves. */
  get served() {
    return [...this.#stream.views.values()].filter(({ name }) => !this.#refused.has(name));
  }

  /** The views that the others do not wait for. @returns {View[]} */
  get late() {
    return this.served.filter(({ name }) => this.#late.has(name));
  }

  /**
   * The time up to which the newest rows are known, null before the first ones; `Infinity` if they
   * can no longer change.
   */
  get liveTime() {
    const time = this.#late.size === 0 ? (this.#moment?.time ?? null) : this.#commonTime;
    return time !== null && time > LATEST ? Infinity : time;
  }

  /** The time that all views have reached but the late ones. */
  get #commonTime() {
    const onTime = this.served.filter(({ name, loaded }) => loaded && !this.#late.has(name));
    return onTime.length === 0 ? null : Math.min(...onTime.map(({ asOf }) => asOf));
  }

  /** The time that is shown. */
  get time() {
    return this.#past ?? this.liveTime;
  }

  /** The first time that most views can be read at; the panels of the others say so. */
  get keptFrom() {
    const kept = this.served.map((view) => view.kept?.from ?? null).filter((from) => from !== null);
    return kept.sort((a, b) => a - b)[Math.floor(kept.length / 2)] ?? null;
  }

  /** Ask the server for what it has since a time. @param {number} time */
  async fetchPast(time) {
    try {
      await this.#stream.fetchPast(time);
    } finally {
      this.generation += 1;
      this.trim();
    }
  }

  /** The first time that one view can be read at. @param {string} name */
  keptFromOf(name) {
    return this.#stream.view(name).kept?.from ?? null;
  }

  /** The rows of a view at a time; null if that is not kept. @param {string} name @param {number} time */
  rowsAt(name, time) {
    return this.#stream.view(name).at(time);
  }

  /**
   * Show a time in the past, or with null the present.
   *
   * @param {?number} time
   */
  goTo(time) {
    const live = this.liveTime;
    this.#wish = time;
    if (time === null || live === null || time >= live) this.#past = null;
    else this.#past = Math.max(time, this.keptFrom ?? time);
  }

  /** Keep the time in the past within what is kept. */
  trim() {
    if (this.#past !== null) this.goTo(this.#wish);
  }

  /** Whether it is known which views are served, so that panels may be shown. */
  get isKnown() {
    return this.#late.size > 0 || this.served.every(({ loaded }) => loaded);
  }

  /**
   * The rows of a view at the live time; null if they are not known.
   *
   * @param {string} name
   * @returns {?readonly any[]}
   */
  liveRows(name) {
    const view = this.#stream.view(name);
    if (this.#refused.has(name)) return null;
    if (this.#late.size === 0) return this.#moment?.view(name).snapshot() ?? null;
    if (!view.loaded) return null;
    if (this.#late.has(name)) return view.snapshot();
    return view.at(Number(this.liveTime) - 1) ?? view.snapshot();
  }

  /**
   * The rows of a view; null if they are not known.
   *
   * @param {string} name
   * @returns {?readonly any[]}
   */
  rows(name) {
    if (this.#past === null) return this.liveRows(name);
    return this.#stream.view(name).at(this.#past);
  }
}
