/**
 * The library's core beside a naive Map, in turns: `node _core.mjs ROWS UPDATES DELTAS`.
 *
 * All apply the same decoded deltas, which change counters. The core also checks each message and
 * can report what changed; the third contender is the core with a reader that has it summed. The
 * server sends a checksum every 5 s, so that a view as busy as this one hashes its rows then; the
 * fourth contender gets one with each delta, and hashes each update. Prints nanoseconds an update,
 * the median of the turns, as JSON.
 */

import { addToChecksum, rowHash } from "../../static/viewstream/checksum.js";
import { checksumOf, countRows } from "../../static/viewstream/multiset.js";
import { receive, receiveShort, ViewState } from "../../static/viewstream/state.js";

const [rows, updates, deltas] = process.argv.slice(2).map(Number);
/** Updates of one turn: so many that its first ones, which find cold caches, do not count. */
const BATCH = 1_000;
const EPOCH = "1-u1";
const columns = [
  { name: "user", type: "text" },
  { name: "count", type: "int8" },
];

function finish(task) {
  let step = task.next();
  while (!step.done) step = task.next();
  return step.value;
}

/** Apply a message as the stream does, but without pauses. */
function apply(state, message) {
  const change = receiveShort(state, message);
  return change === undefined ? finish(receive(state, message)) : change;
}

const counts = Array.from({ length: rows }, (_, at) => at);
const row = (at) => [`User name ${at}`, String(counts[at])];
const base = { type: "base", view: "v", epoch: EPOCH, upper: 1, columns, rows: counts.map((_, at) => row(at)) };
base.checksum = finish(checksumOf(finish(countRows(base.rows, columns.length))));
let { checksum } = base;

/** A delta as text, without and with the checksum of the rows after it: each contender decodes its own. */
function makeDelta(time) {
  const list = [];
  for (let done = 0; done < updates / 2; done += 1) {
    const at = (time * 7919 + done * 104_729) % rows;
    list.push([time, -1, row(at)]);
    counts[at] += 1;
    list.push([time, 1, row(at)]);
  }
  for (const [, diff, one] of list) checksum = addToChecksum(checksum, diff, rowHash(JSON.stringify(one)));
  const delta = { type: "delta", view: "v", epoch: EPOCH, lower: time, upper: time + 1, updates: list };
  return { plain: JSON.stringify(delta), hashed: JSON.stringify({ ...delta, checksum }) };
}

const map = new Map(base.rows.map((one) => [JSON.stringify(one), 1]));
const [state, read, hashed] = ["v", "v", "v"].map((name) => new ViewState(name));
for (const each of [state, read, hashed]) apply(each, structuredClone(base));
let changed = 0;

const contenders = [
  (delta) => {
    for (const [, diff, one] of delta.updates) {
      const key = JSON.stringify(one);
      const weight = (map.get(key) ?? 0) + diff;
      if (weight === 0) map.delete(key);
      else map.set(key, weight);
    }
  },
  (delta) => apply(state, delta),
  (delta) => {
    changed += apply(read, delta).rows.size;
  },
  (delta) => apply(hashed, delta),
];

const times = contenders.map(() => []);
const batch = Math.max(1, Math.round(BATCH / updates));
for (let time = 1; time + batch <= deltas; time += batch) {
  const texts = Array.from({ length: batch }, (_, at) => makeDelta(time + at));
  for (let turn = 0; turn < contenders.length; turn += 1) {
    const which = (turn + time / batch) % contenders.length | 0;
    const kind = which < contenders.length - 1 ? "plain" : "hashed";
    const decoded = texts.map((text) => JSON.parse(text[kind]));
    const began = process.hrtime.bigint();
    for (const delta of decoded) contenders[which](delta);
    times[which].push(Number(process.hrtime.bigint() - began) / (batch * updates));
  }
}
const keys = [map, state.rows, read.rows, hashed.rows].map((each) => JSON.stringify([...each.keys()].sort()));
if (new Set(keys).size > 1 || changed === 0) throw new Error("they differ");

/** The median, once the code is hot. */
function median(list) {
  const hot = list.slice(list.length >> 2).sort((a, b) => a - b);
  return hot[hot.length >> 1];
}
console.log(JSON.stringify(times.map(median)));
