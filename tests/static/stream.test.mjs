// The shell around the client core: connections, silence, sleep, backoff, what readers are told.

import assert from "node:assert/strict";
import { test } from "node:test";

import { World, base, delta } from "./fakes.mjs";

const ALICE = ["Alice", "12"];
const BOB = ["Bob", "9"];

/** A world that follows `v`, with a base and an open connection; and what its view tells. */
function live() {
  const world = new World();
  const stream = world.follow("v");
  const view = stream.view("v");
  world.open();
  world.say(base(10, [ALICE]));
  return { world, stream, view };
}

test("asks for all views, each as it stands", () => {
  const world = new World();
  world.follow("v", "w", "né&w");
  assert.equal(world.socket.url.split("?")[0], "ws://example.test/view/stream");
  assert.deepEqual(world.asked, ["v", "w", "né&w"]);
  world.open();
  world.say(base(10, [ALICE]), base(7, [], { view: "w" }), delta(10, 20));
  world.end();
  world.pass(500);
  assert.deepEqual(world.asked, ["v@1-u1:20", "w@1-u1:7", "né&w"]);
});

test("a server may be https, and below a path", async () => {
  const { follow } = await import("../../static/viewstream/index.js");
  const urls = [];
  class Socket {
    constructor(url) {
      urls.push(url);
    }
    close() {}
  }
  for (const server of ["https://example.test/live", "https://example.test/live/"]) {
    follow(["v"], { server, environment: { WebSocket: Socket } }).close();
  }
  const expected = "wss://example.test/live/view/stream?view=v";
  assert.deepEqual(urls, [expected, expected]);
});

test("tells what changed, typed, at each consistent point", () => {
  const { world, view } = live();
  const told = [];
  view.onChange(({ lower, upper, inserted, deleted }) =>
    told.push({ lower, upper, inserted, deleted }),
  );
  world.say(delta(10, 20, [[12, -1, ALICE], [12, 2, ["Alice", "13"]]]), delta(20, 30));
  const [alice12, alice13] = [12n, 13n].map((count) => ({ user: "Alice", count }));
  assert.deepEqual(told, [
    { lower: null, upper: 10, inserted: [alice12], deleted: [] },
    { lower: 10, upper: 20, inserted: [alice13, alice13], deleted: [alice12] },
    { lower: 20, upper: 30, inserted: [], deleted: [] },
  ]);
  assert.deepEqual(view.rows(), [alice13, alice13]);
  assert.equal(view.asOf, 30);
});

test("an empty view is loaded, and empty", () => {
  const world = new World();
  const view = world.follow("v").view("v");
  assert.equal(view.loaded, false);
  world.open();
  world.say(base(10, []));
  assert.equal(view.loaded, true);
  assert.deepEqual(view.rows(), []);
  assert.equal(view.standing.state, "live");
});

test("a view replaced by one of other columns is told under the right names and types", () => {
  const { world, view } = live();
  const told = [];
  view.onChange(({ inserted, deleted }) => told.push({ inserted, deleted }));
  const columns = [
    { name: "editor", type: "text" },
    { name: "share", type: "numeric" },
  ];
  world.say(base(3, [ALICE, BOB], { epoch: "2-u2", columns }));
  assert.deepEqual(told[1], {
    deleted: [{ user: "Alice", count: 12n }],
    inserted: [
      { editor: "Alice", share: "12" },
      { editor: "Bob", share: "9" },
    ],
  });
  assert.deepEqual(view.columns, columns);
});

test("a view that can no longer change is as of for ever", () => {
  const { world, view } = live();
  world.say(base(Number.MAX_SAFE_INTEGER, [BOB]));
  assert.equal(view.asOf, Infinity);
});

test("what is shown stays when a gap ends the connection, and nothing is resumed", () => {
  const { world, view } = live();
  world.say(delta(11, 20));
  assert.deepEqual(world.socket.closes, [[4000, "a delta begins at 11, the frontier is 10"]]);
  assert.equal(view.standing.state, "connecting");
  assert.deepEqual(view.rows(), [{ user: "Alice", count: 12n }]);
  world.pass(500);
  assert.deepEqual(world.asked, ["v"]);
});

test("a wrong checksum ends the connection with 4001, the third is shown as unverified", () => {
  const world = new World();
  const view = world.follow("v").view("v");
  for (const _ of [1, 2]) {
    world.open();
    world.say(base(10, [ALICE], { checksum: 1 }));
    assert.equal(world.socket.closes[0][0], 4001);
    assert.equal(view.loaded, false);
    world.pass(30_000);
  }
  world.open();
  world.say(base(10, [ALICE], { checksum: 1 }));
  assert.deepEqual(world.socket.closes, []);
  assert.equal(view.standing.state, "unverified");
  assert.equal(view.rows().length, 1);
});

for (const text of ["", "{", "null", "[]", "7", '{"type":"base"}', '{"type":1,"view":"v"}']) {
  test(`what is no message ends the connection: ${JSON.stringify(text)}`, () => {
    const { world } = live();
    world.say(text);
    assert.equal(world.socket.closes[0][0], 4000);
    world.pass(500);
    assert.deepEqual(world.asked, ["v"]);
  });
}

test("a close reason fits its frame, whatever the row that it quotes", () => {
  const { world } = live();
  world.say(delta(10, 20, [[11, 1, ["漢".repeat(200)]]]));
  const [[code, reason]] = world.socket.closes;
  assert.equal(code, 4000);
  assert.ok(new TextEncoder().encode(reason).length <= 123);
});

test("messages of views that were not asked for are left alone", () => {
  const { world, view } = live();
  world.say(base(99, [BOB], { view: "other" }), delta(10, 20));
  assert.equal(view.asOf, 20);
});

test("events of a socket that was given up are nobody's", () => {
  const { world, view } = live();
  const old = world.socket;
  world.say(delta(11, 20));
  world.pass(500);
  assert.equal(world.sockets.length, 2);
  old.onmessage({ data: JSON.stringify(base(99, [BOB])) });
  old.onclose({ code: 1006, reason: "retry=100" });
  old.onopen({});
  assert.equal(view.asOf, 10);
  assert.equal(view.standing.state, "connecting");
  world.open();
  world.say(base(12, [BOB]));
  assert.equal(view.asOf, 12);
  assert.equal(world.sockets.length, 2);
});

test("waits double up to half a minute, and jitter takes any part of them", () => {
  const world = new World();
  const stream = world.follow("v");
  const waits = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    world.end();
    waits.push(stream.retryAt - world.time);
    world.pass(waits.at(-1));
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  world.chance = 0.25;
  world.end();
  assert.equal(stream.retryAt - world.time, 7500);
});

test("waits begin small again after a connection that lasted", () => {
  const world = new World();
  const stream = world.follow("v");
  for (let attempt = 0; attempt < 4; attempt += 1) {
    world.end();
    world.pass(stream.retryAt - world.time);
  }
  world.open();
  world.say(base(10, []));
  world.pass(6_000);
  world.end();
  assert.equal(stream.retryAt - world.time, 500);
});

test("a server whose every connection brings a gap is not asked ever faster", () => {
  const world = new World();
  const stream = world.follow("v");
  const waits = [];
  for (let attempt = 0; attempt < 4; attempt += 1) {
    world.open();
    world.say(base(10, []), delta(11, 12));
    waits.push(stream.retryAt - world.time);
    world.pass(waits.at(-1));
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
});

test("a server may say when to come back, and waking does not overrule it", () => {
  const { world, stream } = live();
  world.end(1001, "retry=12.5");
  assert.equal(stream.retryAt - world.time, 12_500);
  world.wake("online");
  assert.equal(world.sockets.length, 1);
  world.pass(12_500);
  assert.equal(world.sockets.length, 2);
});

test("another close reason is no order", () => {
  const { world, stream } = live();
  world.end(1001, "retry=soon");
  assert.equal(stream.retryAt - world.time, 500);
});

test("15 s of silence end a connection, resuming", () => {
  const { world } = live();
  world.pass(14_999);
  assert.deepEqual(world.socket.closes, []);
  world.say(delta(10, 20));
  world.pass(14_999);
  assert.deepEqual(world.socket.closes, []);
  world.pass(1);
  assert.equal(world.socket.closes.length, 1);
  world.pass(500);
  assert.deepEqual(world.asked, ["v@1-u1:20"]);
});

test("a socket that never opens is given up too", () => {
  const world = new World();
  world.follow("v");
  world.pass(15_500);
  assert.equal(world.sockets.length, 2);
});

test("a clock that is set back does not make the silence last", () => {
  const { world } = live();
  world.time -= 3_600_000;
  world.pass(3_600_000 + 15_000);
  assert.equal(world.sockets[0].closes.length, 1);
});

for (const name of ["online", "visibilitychange", "pageshow", "focus"]) {
  test(`a laptop that slept connects again at once (${name})`, () => {
    const { world, view } = live();
    world.sleep(3_600_000);
    world.wake(name);
    assert.equal(world.sockets.length, 2);
    assert.deepEqual(world.asked, ["v@1-u1:10"]);
    assert.equal(view.rows().length, 1);
  });
}

test("waking leaves a connection alone that spoke just now", () => {
  const { world } = live();
  world.pass(5_000);
  world.wake("online");
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.socket.closes, []);
});

test("waking ends a wait of our own making", () => {
  const { world } = live();
  world.end();
  world.wake("online");
  assert.equal(world.sockets.length, 2);
  world.pass(10_000);
  assert.equal(world.sockets.length, 2);
});

test("how things stand, from the first attempt to the end", () => {
  const world = new World();
  const stream = world.follow("v");
  const told = [];
  stream.view("v").onStanding(({ state, reason }) => told.push([state, reason]));
  const status = (state, reason = "") => ({ type: "status", view: "v", state, reason });
  world.open();
  world.say(status("waiting", "the engine does not answer"));
  world.say(base(10, [ALICE]), status("live"));
  world.say(status("stale", "no news for 15 s"), delta(10, 20), status("live"));
  world.end();
  world.pass(500);
  world.open();
  assert.deepEqual(told.at(-1), ["connecting", ""]);
  world.say(delta(20, 20));
  stream.close();
  assert.deepEqual(told, [
    ["connecting", ""],
    ["waiting", "the engine does not answer"],
    ["live", ""],
    ["stale", "no news for 15 s"],
    ["live", ""],
    ["connecting", ""],
    ["live", ""],
    ["closed", ""],
  ]);
});

test("a stream that was closed stays closed, and keeps its rows", () => {
  const { world, stream, view } = live();
  stream.close();
  assert.deepEqual(world.socket.closes, [[1000, ""]]);
  world.wake("online");
  world.pass(3_600_000);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.timers, []);
  assert.equal(view.rows().length, 1);
  assert.equal(stream.retryAt, null);
});

test("closing while it waits to connect again ends the wait", () => {
  const { world, stream } = live();
  world.end();
  stream.close();
  world.pass(60_000);
  assert.equal(world.sockets.length, 1);
});

test("a listener may close the stream", () => {
  const { world, stream, view } = live();
  view.onChange(({ lower }) => lower !== null && stream.close());
  world.say(delta(10, 20));
  assert.equal(view.standing.state, "closed");
});

test("a listener may close the stream when it hears that the connection is lost", () => {
  const { world, stream, view } = live();
  view.onStanding(({ state }) => state === "connecting" && stream.close());
  world.end();
  world.pass(60_000);
  assert.equal(view.standing.state, "closed");
  assert.equal(world.sockets.length, 1);
});

test("a listener may wake the stream when it hears that the connection is lost", () => {
  const { world, stream, view } = live();
  view.onStanding(({ state }) => state === "connecting" && stream.wake());
  world.end();
  world.pass(5_000);
  assert.equal(world.sockets.length, 2);
});

test("a state that is not known leaves a view live", () => {
  const { world, view } = live();
  world.say({ type: "status", view: "v", state: "sparkling", reason: "" });
  assert.equal(view.standing.state, "live");
});

test("a listener that throws harms nobody else, and is heard of", (context) => {
  const { world, view } = live();
  const putOff = context.mock.method(globalThis, "queueMicrotask", () => {});
  let seen = 0;
  view.onChange(({ lower }) => {
    if (lower !== null) throw new Error("a mistake in the page");
  });
  view.onChange(() => {
    seen += 1;
  });
  world.say(delta(10, 20));
  assert.equal(seen, 2);
  assert.equal(view.asOf, 20);
  assert.throws(putOff.mock.calls[0].arguments[0], /a mistake in the page/);
});

test("a mistake of our own ends the connection, and is heard of", () => {
  const { world, view } = live();
  Object.defineProperty(view.core, "status", {
    configurable: true,
    set() {
      Object.defineProperty(view.core, "status", { value: null, writable: true });
      throw new TypeError("a mistake");
    },
  });
  assert.throws(() => world.say({ type: "status", view: "v", state: "live" }), /a mistake/);
  assert.equal(world.socket.closes[0][0], 4000);
  assert.equal(view.core.position, null);
});

test("a listener that was taken out is not called any more", () => {
  const { world, view } = live();
  let seen = 0;
  const stop = view.onChange(() => {
    seen += 1;
  });
  stop();
  world.say(delta(10, 20));
  assert.equal(seen, 1);
});

/** Each look at the clock takes a millisecond: so much work is done in a turn, and no more. */
function slowly(world) {
  let time = world.time;
  Object.defineProperty(world, "time", {
    get: () => (time += 1),
    set: (value) => {
      time = value;
    },
  });
}

test("a large base is worked on in turns; what comes meanwhile waits, in order", () => {
  const { world, view } = live();
  const rows = Array.from({ length: 20_000 }, (_, at) => [`user ${at}`, "1"]);
  slowly(world);
  world.say(base(50, rows), delta(50, 60, [[55, 1, BOB]]));
  assert.equal(view.asOf, 10);
  let turns = 0;
  while (world.resumeWork()) turns += 1;
  assert.ok(turns > 5, `${turns} turns`);
  assert.equal(view.asOf, 60);
  assert.equal(view.rows().length, 20_001);
});

test("a large base whose connection ends half way is as if it had never come", () => {
  const { world, view } = live();
  const rows = Array.from({ length: 20_000 }, (_, at) => [`user ${at}`, "1"]);
  slowly(world);
  world.say(base(50, rows));
  world.end();
  while (world.resumeWork());
  assert.equal(view.asOf, 10);
  world.pass(1_000);
  assert.deepEqual(world.asked, ["v@1-u1:10"]);
  world.open();
  world.say(delta(10, 20));
  while (world.resumeWork());
  assert.equal(view.asOf, 20);
});
