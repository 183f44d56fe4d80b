/**
 * What a client holds of one view, and what each message does to it. No I/O, no clock, no DOM.
 *
 * `viewstream/client/state.py` is the same core in Python; `tests/vectors/client.json` holds both to
 * the same behaviour. The rules are those of `docs/protocol.md`: a base replaces, a delta is taken
 * by the interval rule, a gap or a wrong checksum ends the connection.
 *
 * `receive` is a generator that pauses now and then, as `multiset.js` tells. Until it is done
 * nothing has changed, and one that is never finished changes nothing.
 */

import { checkBase, checkDelta } from "./messages.js";
import { add, checksumOf, counted, difference, gathered, takesTooMuch } from "./multiset.js";
import { GAP, RefusalError, WRONG_CHECKSUM } from "./refusal.js";

/** After so many wrong checksums in a row a client goes on, unverified. */
export const TRIES = 3;
/** Deltas and updates that are kept for a base that has not come. */
export const MAX_WAITING = 100_000;

/**
 * One view as a client has it. Change it with `receive`, `disconnected` and `forget` only.
 *
 * `rows` are what there is to show; `position` is where they stand, or null when the next message
 * that counts is a base. `status` is the server's last word on this connection.
 */
export class ViewState {
  constructor(view, { maxWaiting = MAX_WAITING } = {}) {
    this.view = view;
    this.columns = [];
    this.rows = new Map();
    this.status = null;
    this.maxWaiting = maxWaiting;
    /** @type {?{epoch, frontier, columns, rows, checksum}} checksum: null until one was needed */
    this.held = null;
    this.waiting = [];
    this.waitingSize = 0;
    this.failures = 0;
    this.lastChecksumFits = true;
  }

  get position() {
    return this.held && { epoch: this.held.epoch, frontier: this.held.frontier };
  }

  /** Whether checksums failed `TRIES` times running, and the last one did. */
  get unverified() {
    return this.failures >= TRIES && !this.lastChecksumFits;
  }

  /** What to ask the server for: `VIEW`, or `VIEW@EPOCH:FRONTIER`. */
  get resume() {
    return this.held ? `${this.view}@${this.held.epoch}:${this.held.frontier}` : this.view;
  }

  /** The rows one by one: a row that is there twice comes twice. */
  *listed() {
    for (const { row, weight } of this.rows.values()) {
      for (let copy = 0; copy < weight; copy += 1) yield row;
    }
  }

  /** The connection is gone: what waited for its base is void, what is held stays. */
  disconnected() {
    this.letGo();
    this.status = null;
  }

  /** Give up the position, so that a base must come; the rows stay to be shown. */
  forget() {
    this.held = null;
    this.letGo();
  }

  letGo() {
    this.waiting = [];
    this.waitingSize = 0;
  }
}

/**
 * Take one message that the server sent for this view, pausing (a `yield`) now and then.
 *
 * Returns null if nothing moved, else what changed: `{view, epoch, lower, upper, rows}`, where
 * `upper` is the frontier now, `lower` the one before (null: a base replaced everything), and
 * `rows` the multiset of those that came (weight above 0) and went (below 0).
 *
 * Throws RefusalError if the message cannot be applied; then nothing of it has been, and the
 * position is forgotten. A message of a type that is not known is left alone.
 */
export function* receive(state, message) {
  try {
    switch (message.type) {
      case "base":
        return yield* receiveBase(state, message);
      case "delta":
        return yield* receiveDelta(state, message);
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

/** `receive` without pauses. */
export function receiveAtOnce(state, message) {
  const task = receive(state, message);
  let step = task.next();
  while (!step.done) step = task.next();
  return step.value;
}

function* receiveBase(state, base) {
  checkBase(base);
  const { held } = state;
  if (held !== null && held.epoch === base.epoch && held.frontier >= base.upper) return null;
  const { epoch, upper, columns } = base;
  const rows = yield* counted(base.rows, columns);
  const fresh = { epoch, frontier: upper, columns, rows, checksum: null };
  if (base.checksum !== undefined) {
    fresh.checksum = yield* checksumOf(rows);
    verify(state, fresh.checksum, base);
  }
  for (const delta of takeWaiting(state, epoch)) yield* advance(state, fresh, delta);
  const change = yield* difference(state.rows, rows);
  state.columns = columns;
  state.rows = rows;
  state.held = fresh;
  return { view: state.view, epoch, lower: null, upper: fresh.frontier, rows: change };
}

function* receiveDelta(state, delta) {
  checkDelta(delta);
  const { held } = state;
  if (held === null || held.epoch !== delta.epoch) {
    letWait(state, delta);
    return null;
  }
  const lower = held.frontier;
  const rows = yield* advance(state, held, delta);
  if (held.frontier === lower) return null;
  return { view: state.view, epoch: held.epoch, lower, upper: held.frontier, rows };
}

function letWait(state, delta) {
  state.waiting.push(delta);
  state.waitingSize += 1 + delta.updates.length;
  if (state.waitingSize > state.maxWaiting) {
    const { epoch } = delta;
    throw new RefusalError(GAP, `no base of ${epoch} came before ${state.maxWaiting} updates`);
  }
}

/** Take out the waiting deltas of `epoch`, in the order of their intervals. */
function takeWaiting(state, epoch) {
  const taken = state.waiting.filter((delta) => delta.epoch === epoch);
  state.waiting = state.waiting.filter((delta) => delta.epoch !== epoch);
  state.waitingSize = state.waiting.reduce((size, delta) => size + 1 + delta.updates.length, 0);
  return taken.sort((a, b) => a.lower - b.lower || a.upper - b.upper);
}

/**
 * Apply a delta of the same epoch by the interval rule; return what changed.
 *
 * Throws RefusalError for a gap, or if what would come out is not what the server has; `held` is
 * then as it was.
 */
function* advance(state, held, delta) {
  if (delta.upper <= held.frontier) return new Map();
  if (delta.lower > held.frontier || (delta.folded && delta.lower !== held.frontier)) {
    const kind = delta.folded ? "a folded delta" : "a delta";
    throw new RefusalError(
      GAP,
      `${kind} begins at ${delta.lower}, the frontier is ${held.frontier}`,
    );
  }
  const change = yield* gathered(delta.updates, held);
  let checksum = null;
  if (held.checksum !== null) checksum = yield* checksumOf(change, held.checksum);
  else if (delta.checksum !== undefined) {
    checksum = yield* checksumOf(change, yield* checksumOf(held.rows));
  }
  if (takesTooMuch(held.rows, change)) {
    disagree(state, `at ${delta.upper} a row went that was not there`);
  }
  if (delta.checksum !== undefined) verify(state, checksum, delta);
  for (const [key, { row, weight }] of change) add(held.rows, key, row, weight);
  held.frontier = delta.upper;
  held.checksum = checksum;
  return change;
}

/**
 * Compare checksums.
 *
 * A base that fits does not end a row of failures, only a delta does: else a server whose deltas
 * are always wrong would make its clients come back for ever.
 */
function verify(state, checksum, message) {
  if (checksum !== message.checksum) {
    disagree(state, `at ${message.upper} the checksum is ${checksum}, not ${message.checksum}`);
    return;
  }
  state.lastChecksumFits = true;
  if (message.type === "delta") state.failures = 0;
}

/** Count a failure; throw RefusalError unless there were too many to hope for better. */
function disagree(state, reason) {
  state.lastChecksumFits = false;
  state.failures += 1;
  if (state.failures < TRIES) throw new RefusalError(WRONG_CHECKSUM, reason);
}
