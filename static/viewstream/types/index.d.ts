/** Types of the library's public interface; `docs/client.md` explains it. */

/** How `int8` values are read. Digits are never lost; see "Values" in `docs/client.md`. */
export type Int8 = "number" | "bigint" | "string";

/** A value of a row, as `docs/client.md` lists them by column type. */
export type Value = string | number | bigint | boolean | null;

export type AnyRow = { readonly [column: string]: Value };

export interface Column {
  readonly name: string;
  /** PostgreSQL's name of the type, such as `int8`. */
  readonly type: string;
}

/** A point in a view's history. */
export interface Position {
  readonly epoch: string;
  readonly frontier: number;
}

export type State =
  /** There is no connection; the rows grow old. */
  | "connecting"
  /** Connected, but the server has no rows yet. */
  | "waiting"
  /** Connected, but nothing new reaches the server. */
  | "stale"
  /** Live, but the checksum of the rows differs from the server's. */
  | "unverified"
  | "live"
  /** The server refuses the view or the page for good. */
  | "refused"
  /** By `pause()`, or because the browser froze the page. */
  | "paused"
  /** By `close()`. */
  | "closed";

export interface Standing {
  readonly state: State;
  /** A sentence, or "". That of a live view is a failure that will make it stale if it lasts. */
  readonly reason: string;
  /** When this state began, in milliseconds as `Date.now()`. */
  readonly since: number;
}

/** What changed in a view between two consistent points. Read it within the listener. */
export interface Change<Row = AnyRow> {
  readonly view: string;
  readonly epoch: string;
  /** The frontier before; null if a base replaced the rows. */
  readonly lower: number | null;
  /** The frontier now. */
  readonly upper: number;
  /** A row that was inserted twice is listed twice. */
  readonly inserted: Row[];
  readonly deleted: Row[];
  /** Each inserted or deleted row once, with how often it was inserted, or minus how often deleted. */
  readonly entries: () => [row: Row, weight: number][];
  /** Rows whose key stayed and whose other values changed; empty for a view without `keys`. */
  readonly updated: { readonly before: Row; readonly after: Row }[];
}

export type Unsubscribe = () => void;

/**
 * The rows of a view at one time, which never change. It reads as an array does, but is none: it
 * shares with other snapshots what has not changed. `length`, `at` and `slice` cost nothing more;
 * other methods make an array first.
 */
export interface Snapshot<Row = AnyRow> extends ReadonlyArray<Row> {
  /** A new array of the rows. */
  readonly toArray: () => Row[];
}

export interface View<Row = AnyRow> {
  readonly name: string;
  /** In the view's order; empty before the first base. */
  readonly columns: readonly Column[];
  /** Whether a base has come; until then, no rows do not mean an empty view. */
  readonly loaded: boolean;
  /** How many rows there are; a row that is there twice counts twice. */
  readonly size: number;
  /** The time up to which the rows are known; null before the first base, Infinity at the end. */
  readonly asOf: number | null;
  readonly position: Position | null;
  readonly standing: Standing;
  /** The times that `at` can read: the oldest and the newest. Null without `keep`. */
  readonly kept: { readonly from: number; readonly to: number } | null;
  /** A new array of the rows, in no particular order. */
  readonly rows: () => Row[];
  /** A new array of `[row, weight]`: each row once, with how often it is there. */
  readonly entries: () => [row: Row, weight: number][];
  /** The rows; the same object until a row changes. */
  readonly snapshot: () => Snapshot<Row>;
  /** Call `callback()` when the rows or the standing change. */
  readonly subscribe: (callback: () => void) => Unsubscribe;
  /** The rows as they were at a kept time, or null. */
  readonly at: (time: number) => Row[] | null;
  readonly onChange: (
    listener: (change: Change<Row>) => void,
    options?: { together?: boolean },
  ) => Unsubscribe;
  readonly onStanding: (listener: (standing: Standing) => void) => Unsubscribe;
}

/** All views of a stream as of one time. */
export interface Moment<Views = AnyViews> {
  /** Every view shows all updates below this time, and none at or above it. */
  readonly time: number;
  readonly view: <Name extends keyof Views & string>(name: Name) => View<Views[Name]>;
  /** What changed since the last moment, by name; a view that did not move is missing. */
  readonly changes: ReadonlyMap<string, Change>;
}

export type ConnectionEvent =
  | { readonly type: "connecting"; readonly transport: Transport; readonly attempt: number }
  | { readonly type: "connected"; readonly transport: Transport }
  /** A view goes on from its position: only what changed was sent. */
  | { readonly type: "resumed"; readonly view: string }
  /** A view got all its rows. */
  | { readonly type: "loaded"; readonly view: string }
  | {
      readonly type: "disconnected";
      readonly code: number;
      readonly reason: string;
      readonly retryAt: number | null;
    }
  | { readonly type: "refused"; readonly code: number; readonly reason: string }
  | { readonly type: "paused" | "closed" };

export type Transport = "websocket" | "sse";

export type AnyViews = { [name: string]: AnyRow };

export interface Stream<Views = AnyViews> {
  readonly views: ReadonlyMap<string, View>;
  readonly view: <Name extends keyof Views & string>(name: Name) => View<Views[Name]>;
  readonly state: "connecting" | "open" | "retrying" | "refused" | "paused" | "closed";
  /** When the stream connects again, as `Date.now()`; null if no retry is scheduled. */
  readonly retryAt: number | null;
  /** The views that the common time waits for, and since when. */
  readonly waitingFor: readonly (Standing & { readonly view: string })[];
  /** Call `listener(moment)` when all views have reached a later common time. */
  readonly onChange: (listener: (moment: Moment<Views>) => void) => Unsubscribe;
  /**
   * Ask the server for what happened since a time, so that `at` of all views can read it; ends when
   * all is here that the server has. Needs `keep`.
   */
  readonly fetchPast: (time: number) => Promise<void>;
  readonly onConnection: (listener: (event: ConnectionEvent) => void) => Unsubscribe;
  /** Call `callback()` when `state` may have changed. */
  readonly subscribe: (callback: () => void) => Unsubscribe;
  /** Check the connection now; connect unless the server asked for a wait. */
  readonly wake: () => void;
  /** Connect now, also after a refusal or while the server asked for a wait. */
  readonly retry: () => void;
  /** Close the connection and keep the rows, until `resume()`. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** End the stream for good; the views keep their rows. */
  readonly close: () => void;
}

/** The part of a WebSocket that the library uses; the browser's and the package `ws` have it. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  /** Called for everything that comes, where that is more than messages. */
  onactivity?: ((event: never) => void) | null;
  close(code?: number, reason?: string): void;
}

export interface Options<Views = AnyViews> {
  /** The server's address; by default where the page or the library was loaded from. */
  server?: string | URL;
  /** How `int8` is read; "number" by default. */
  int8?: Int8;
  /** The columns that identify a row of a view, so that changes have `updated`. */
  keys?: { readonly [Name in keyof Views]?: string | readonly string[] };
  /** Show all views at one common time. */
  together?: boolean;
  /** Keep the past for `view.at`: "90s", "5m", "1h", or milliseconds. */
  keep?: string | number | { time: string | number; bytes?: number };
  /** Take changes at most every so many milliseconds, several of them as one. */
  every?: number;
  /** Only this transport; by default websockets, and server-sent events if they fail. */
  transport?: Transport;
  /** Return a token of the reader (a new one at each call); the library asks before one ends. */
  token?: () => string | Promise<string>;
  /** A WebSocket class, where there is no global one. */
  WebSocket?: new (
    url: string,
    protocols?: string[],
  ) => Socket;
  /** Do not connect before `resume()`. */
  paused?: boolean;
  /** For tests: replaces clocks, timers, randomness, network. */
  environment?: object;
}

/** Follow views of a server; the stream begins to connect at once. */
export function follow<Views extends object = AnyViews>(
  names: readonly (keyof Views & string)[],
  options?: Options<Views>,
): Stream<Views>;

/** The name of the part of `view` whose `column` has the value; null is NULL. */
export function part(view: string, column: string, value: string | number | bigint | null): string;

/** The JavaScript value of a PostgreSQL text. */
export function readValue(type: string, text: string | null, int8?: Int8): Value;
