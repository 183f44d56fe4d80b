/** Types that the modules of this library share and that are not part of its interface. */

import type { Column, Socket } from "./index.js";

/** A row as the server sends it: PostgreSQL's texts. */
export type TextRow = readonly (string | null)[];

/** `[time, diff, row]` */
export type Update = readonly [number, number, TextRow];

/** A multiset: how often each row is there, never 0, by the JSON of the row. */
export type Rows = Map<string, number>;

/** Updates of rows, in the order of their message; a row may be there several times. */
export interface Diffs {
  keys: string[];
  weights: number[];
  /** How many of the keys and weights count. */
  size: number;
  /** The checksum of the rows after them; null if it is not needed. */
  checksum: number | null;
}

export interface Base {
  type: "base";
  view: string;
  epoch: string;
  upper: number;
  columns: Column[];
  rows: TextRow[];
  checksum?: number;
  /** How often each row is there, if not once. */
  weights?: number[];
}

export interface Delta {
  type: "delta";
  view: string;
  epoch: string;
  lower: number;
  upper: number;
  updates: Update[];
  folded?: boolean;
  checksum?: number;
}

/** What one message changed in a view. */
export interface CoreChange {
  view: string;
  epoch: string;
  /** The frontier before; null if a base replaced the rows. */
  lower: number | null;
  /** The frontier now. */
  upper: number;
  columns: readonly Column[];
  /** Inserted rows have a weight above 0, deleted ones below. May be made when it is read. */
  readonly rows: Rows;
  /** The delta's updates, some of which may be older than `lower`; null if times are unknown. */
  updates: readonly Update[] | null;
}

/** An interval that ends at `upper`, and whose changes from `since` on are not known. */
export interface PastGap {
  epoch: string;
  upper: number;
  since: number;
}

/** All changes of a view in `[lower, upper)`, as the server has them. */
export interface PastChanges {
  epoch: string;
  lower: number;
  upper: number;
  /** In order. The first and the last may reach beyond. */
  deltas: Delta[];
}

/** The rows of one view at one frontier. */
export interface Replica {
  epoch: string;
  frontier: number;
  columns: Column[];
  rows: Rows;
  /** Null until the next checksum has to be compared. */
  checksum: number | null;
  /** How many updates have been added to the checksum since it was compared. */
  hashed: number;
}

export interface Events {
  addEventListener?: (name: string, handler: () => void, capture: boolean) => void;
  removeEventListener?: (name: string, handler: () => void, capture: boolean) => void;
}

export type Timer = unknown;

/** The world around the library, so that tests can play any order of events. */
export interface Environment {
  WebSocket: (new (url: string, protocols?: string[]) => Socket) | undefined;
  fetch: typeof globalThis.fetch | undefined;
  now: () => number;
  random: () => number;
  setTimeout: (task: () => void, delay: number) => Timer;
  clearTimeout: (timer: Timer) => void;
  /** Run a task after the page had its turn. */
  defer: (task: () => void) => void;
  events: Events | undefined;
}
