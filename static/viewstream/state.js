/**
 * The rows that a client has of one view, and what each message does to them. No I/O, no clock.
 *
 * `viewstream/client/state.py` is the same core in Python; `tests/vectors/client.json` tests both.
 * The rules are those of `docs/protocol.md`: a base replaces the rows, a delta is applied by the
 * interval rule, a gap or a wrong checksum ends the connection.
 *
 * `receive` is a generator that pauses now and then, as `multiset.js` explains. The rows change
 * only in its last step, so one that is never finished changes nothing. Most messages are short
 * deltas, which `receiveShort` applies at once: a generator would cost a tenth of one.
 */

import { apply, DeltaChange, isShort, readDelta, readShort, sumUpdates } from "./delta.js";
import { checkBase, checkDelta, GAP, MessageError, WRONG_CHECKSUM } from "./messages.js";
import { checksumOf, countRows, difference } from "./multiset.js";
import { distinctColumns } from "./values.js";

/** @import { Base, CoreChange, Delta, Diffs, Replica, Rows } from "./types/internal.js" */

/** After this many wrong checksums in a row, a client shows the rows as unverified. */
const MAX_FAILURES = 3;
/** Deltas and updates that are buffered before their base comes. */
const MAX_BUFFERED = 100_000;

/** One view as a client has it. Change it with `receive`, `disconnect` and `forget` only. */
export class ViewState {
  /** @param {string} view */
  constructor(view, { maxBuffered = MAX_BUFFERED } = {}) {
    this.view = view;
    /** @type {import("./types/index.js").Column[]} */
    this.columns = [];
    /** The rows to show: those of the replica, or the last ones while there is none. @type {Rows} */
    this.rows = new Map();
    /** The server's last status on this connection. @type {?{state: string, reason: string}} */
    this.status = null;
    /** Null when the next message that counts is a base. @type {?Replica} */
    this.replica = null;
    /** Deltas that came before their base. @type {Delta[]} */
    this.buffer = [];
    this.bufferedSize = 0;
    this.maxBuffered = maxBuffered;
    this.failures = 0;
    this.lastChecksumFits = true;
  }

  get position() {
    return this.replica && { epoch: this.replica.epoch, frontier: this.replica.frontier };
  }

  /** Whether checksums failed `MAX_FAILURES` times in a row, the last one included. */
  get unverified() {
    return this.failures >= MAX_FAILURES && !this.lastChecksumFits;
  }

  /** What to ask the server for: `VIEW`, or `VIEW@EPOCH:FRONTIER` to resume. */
  get request() {
    const { view, replica } = this;
    return replica ? `${view}@${replica.epoch}:${replica.frontier}` : view;
  }

  /** The connection has ended: buffered deltas are void, the replica stays. */
  disconnect() {
    this.dropBuffer();
    this.status = null;
  }

  /** Drop the position, so that a base must come; the rows stay to be shown. */
  forget() {
    this.replica = null;
    this.dropBuffer();
  }

  dropBuffer() {
    this.buffer = [];
    this.bufferedSize = 0;
  }
}

/**
 * Apply one message that the server sent for this view; returns what changed, or null.
 *
 * Throws MessageError if the message cannot be applied. Then no row has changed and the position
 * is dropped. Messages of an unknown type are ignored.
 *
 * @param {ViewState} state
 * @param {any} message
 * @returns {Generator<void, ?CoreChange>}
 */
export function* receive(state, message) {
  try {
    switch (message.type) {
      case "base":
        return yield* receiveBase(state, message);
      case "delta": {
        const replica = replicaOf(state, message);
        return replica && applyDelta(state, replica, message, yield* readDelta(replica, message));
      }
      case "status":
        state.status = { state: String(message.state), reason: String(message.reason ?? "") };
        return null;
      default:
        return null;
    }
  } catch (error) {
    state.forget();
    throw error;
  }
}

/**
 * Do the same as `receive`, at once, if the message is a short delta; returns undefined if not.
 *
 * @param {ViewState} state
 * @param {any} message
 */
export function receiveShort(state, message) {
  if (message.type !== "delta" || !isShort(state.replica, message)) return undefined;
  try {
    const replica = replicaOf(state, message);
    return replica && applyDelta(state, replica, message, readShort(replica, message));
  } catch (error) {
    state.forget();
    throw error;
  }
}

/**
 * @param {ViewState} state
 * @param {any} base
 * @returns {Generator<void, ?CoreChange>}
 */
function* receiveBase(state, base) {
  checkBase(base);
  const { epoch, upper } = base;
  if (state.replica?.epoch === epoch && state.replica.frontier >= upper) return null;
  const columns = distinctColumns(base.columns);
  const rows = yield* countRows(base.rows, columns.length, base.weights);
  /** @type {Replica} */
  const replica = { epoch, frontier: upper, columns, rows, checksum: null, hashed: 0 };
  if (base.checksum !== undefined) {
    replica.checksum = yield* checksumOf(rows);
    verify(state, replica.checksum, base);
  }
  for (const delta of takeBuffered(state, epoch)) {
    if (!isNext(replica, delta)) continue;
    applyDelta(state, replica, delta, yield* readDelta(replica, delta));
  }
  const change = yield* difference(state.rows, rows);
  state.columns = columns;
  state.rows = rows;
  state.replica = replica;
  const { view } = state;
  const at = { view, epoch, lower: null, upper: replica.frontier };
  return { ...at, columns, rows: change, updates: null };
}

/**
 * Check a delta; returns the replica that it is to be applied to, or null if it is not to be.
 *
 * @param {ViewState} state
 * @param {any} delta
 * @returns {?Replica}
 */
function replicaOf(state, delta) {
  checkDelta(delta);
  const { replica } = state;
  if (replica?.epoch === delta.epoch) return isNext(replica, delta) ? replica : null;
  buffer(state, delta);
  return null;
}

/**
 * Keep a delta until its base comes.
 *
 * @param {ViewState} state
 * @param {Delta} delta
 */
function buffer(state, delta) {
  state.buffer.push(delta);
  state.bufferedSize += 1 + delta.updates.length;
  if (state.bufferedSize > state.maxBuffered) {
    const { epoch } = delta;
    throw new MessageError(GAP, `no base of ${epoch} came before ${state.maxBuffered} updates`);
  }
}

/**
 * Take the deltas of `epoch` out of the buffer, in the order of their intervals.
 *
 * @param {ViewState} state
 * @param {string} epoch
 */
function takeBuffered(state, epoch) {
  const taken = state.buffer.filter((delta) => delta.epoch === epoch);
  state.buffer = state.buffer.filter((delta) => delta.epoch !== epoch);
  state.bufferedSize = state.buffer.reduce((size, delta) => size + 1 + delta.updates.length, 0);
  return taken.sort((a, b) => a.lower - b.lower || a.upper - b.upper);
}

/**
 * Apply a delta whose updates have been read; returns what changed.
 *
 * Throws MessageError if the result would differ from the server's rows; then `replica` is
 * unchanged.
 *
 * @param {ViewState} state
 * @param {Replica} replica
 * @param {Delta} delta
 * @param {Diffs} diffs
 */
function applyDelta(state, replica, delta, diffs) {
  const { rows, frontier } = replica;
  const isBelowZero = apply(rows, diffs);
  try {
    if (isBelowZero) checkWeights(state, rows, diffs, delta);
    if (delta.checksum !== undefined) verify(state, diffs.checksum, delta);
  } catch (error) {
    apply(rows, diffs, -1);
    throw error;
  }
  replica.frontier = delta.upper;
  keepChecksum(replica, delta, diffs);
  return new DeltaChange(delta, replica, frontier, diffs);
}

/**
 * Keep the checksum up to date, unless it would be cheaper to compute it from all rows.
 *
 * The server sends one every few seconds. A view of ten rows may change a thousand times in between.
 *
 * @param {Replica} replica
 * @param {Delta} delta
 * @param {Diffs} diffs
 */
function keepChecksum(replica, delta, { size, checksum }) {
  replica.hashed = delta.checksum === undefined ? replica.hashed + size : 0;
  replica.checksum = replica.hashed > replica.rows.size ? null : checksum;
}

/**
 * Count a failure if updates, taken together, deleted a row that was not there.
 *
 * @param {ViewState} state
 * @param {Rows} rows after them
 * @param {Diffs} diffs
 * @param {Delta} delta
 */
function checkWeights(state, rows, diffs, { upper }) {
  for (const [key, diff] of sumUpdates(diffs)) {
    if (diff > 0 || (rows.get(key) ?? 0) >= 0) continue;
    countFailure(state, `at ${upper} a row was deleted that was not there`);
    return;
  }
}

/**
 * Whether a delta of the replica's epoch has something new; throws MessageError for a gap.
 *
 * @param {Replica} replica
 * @param {Delta} delta
 */
function isNext({ frontier }, { folded, lower, upper }) {
  if (upper <= frontier) return false;
  if (folded ? lower === frontier : lower <= frontier) return true;
  const kind = folded ? "a folded delta" : "a delta";
  throw new MessageError(GAP, `${kind} begins at ${lower}, the frontier is ${frontier}`);
}

/**
 * Compare a checksum with the message's.
 *
 * Only a delta that fits resets the failures. If a base did, a server whose deltas are always
 * wrong would make its clients reconnect forever.
 *
 * @param {ViewState} state
 * @param {?number} checksum
 * @param {Base | Delta} message
 */
function verify(state, checksum, message) {
  if (checksum !== message.checksum) {
    const expected = message.checksum;
    countFailure(state, `at ${message.upper} the checksum is ${checksum}, not ${expected}`);
    return;
  }
  state.lastChecksumFits = true;
  if (message.type === "delta") state.failures = 0;
}

/**
 * Count a failure; throw MessageError unless there were too many.
 *
 * @param {ViewState} state
 * @param {string} reason
 */
function countFailure(state, reason) {
  state.lastChecksumFits = false;
  state.failures += 1;
  if (state.failures < MAX_FAILURES) throw new MessageError(WRONG_CHECKSUM, reason);
}
