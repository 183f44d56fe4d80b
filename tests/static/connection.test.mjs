// Connections of a stream: when they begin and end, how long the waits are, how many there are.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ALICE, BOB, base, delta, live, status, World } from "./fakes.mjs";

test("asks for all views, each at its position", () => {
  const world = new World();
  world.follow({ views: ["v", "w", "né&w"] });
  assert.equal(world.socket.url.split("?")[0], "ws://example.test/view/stream");
  assert.deepEqual(world.asked, ["v", "w", "né&w"]);
  world.open();
  world.send(base(10, [ALICE]), base(7, [], { view: "w" }), delta(10, 20));
  world.end();
  world.pass(500);
  assert.deepEqual(world.asked, ["v@1-u1:20", "w@1-u1:7", "né&w"]);
});

test("a server may be https, and below a path", () => {
  for (const server of ["https://example.test/live", "https://example.test/live/"]) {
    const world = new World();
    world.follow({ server });
    assert.equal(world.socket.url, "wss://example.test/live/view/stream?weights=1&view=v");
  }
});

test("the server is asked for a pace", () => {
  const world = new World();
  world.follow({ every: 50 });
  const url = new URL(world.socket.url);
  assert.equal(url.searchParams.get("every"), "50");
  assert.deepEqual(world.asked, ["v"]);
});

test("without a page and without a server there is nothing to connect to", () => {
  assert.throws(() => new World().follow({ server: undefined }), /expected a server/);
  for (const server of ["127.0.0.1:8888", "localhost:8888", "ftp://localhost", "/views"]) {
    const message = `expected a server, such as "http://127.0.0.1:8888", found ${server}`;
    assert.throws(() => new World().follow({ server }), { message });
  }
});

test("arguments that could never connect are a mistake", () => {
  const mistakes = [
    [{ views: "top10" }, "expected an array of names, found top10"],
    [{ transport: "websockets" }, "expected websocket or sse as transport, found websockets"],
    [{ int8: "bignum" }, "expected number or bigint or string as int8, found bignum"],
    [{ token: "secret" }, "expected a function as token, found a string"],
  ];
  for (const [options, message] of mistakes) {
    assert.throws(() => new World().follow(options), { message });
  }
});

test("a gap ends the connection, keeps the rows, and does not resume", () => {
  const { world, view } = live();
  world.send(delta(11, 20));
  assert.deepEqual(world.socket.closes, [[4000, "a delta begins at 11, the frontier is 10"]]);
  assert.equal(view.standing.state, "connecting");
  assert.deepEqual(view.rows(), [{ user: "Alice", count: 12 }]);
  world.pass(500);
  assert.deepEqual(world.asked, ["v"]);
});

test("a wrong checksum ends the connection with 4001; the third is shown as unverified", () => {
  const world = new World();
  const stream = world.follow();
  const view = stream.view("v");
  for (const _ of [1, 2]) {
    world.open();
    world.send(base(10, [ALICE], { checksum: 1 }));
    assert.equal(world.socket.closes[0][0], 4001);
    assert.equal(view.loaded, false);
    world.pass(stream.retryAt - world.time);
  }
  world.open();
  world.send(base(10, [ALICE], { checksum: 1 }));
  assert.deepEqual(world.socket.closes, []);
  assert.equal(view.standing.state, "unverified");
  assert.equal(view.rows().length, 1);
  assert.equal(world.sockets.length, 3);
});

for (const text of ["", "{", "null", "[]", "7", '{"type":"base"}', '{"type":1,"view":"v"}']) {
  test(`a text that is no message ends the connection: ${JSON.stringify(text)}`, () => {
    const { world } = live();
    world.send(text);
    assert.equal(world.socket.closes[0][0], 4000);
    world.pass(500);
    assert.deepEqual(world.asked, ["v"]);
  });
}

test("a close reason fits its frame, whatever row it quotes", () => {
  const { world } = live();
  world.send(delta(10, 20, [[11, 1, ["漢".repeat(200)]]]));
  const [[code, reason]] = world.socket.closes;
  assert.equal(code, 4000);
  assert.ok(new TextEncoder().encode(reason).length <= 123);
});

test("messages of views that were not asked for are ignored", () => {
  const { world, view } = live();
  world.send(base(99, [BOB], { view: "other" }), delta(10, 20));
  assert.equal(view.asOf, 20);
});

test("events of a socket that was dropped are ignored", () => {
  const { world, view } = live();
  const old = world.socket;
  world.send(delta(11, 20));
  world.pass(500);
  assert.equal(world.sockets.length, 2);
  old.onmessage({ data: JSON.stringify(base(99, [BOB])) });
  old.onclose({ code: 1006, reason: "retry=100" });
  old.onopen({});
  assert.equal(view.asOf, 10);
  assert.equal(view.standing.state, "connecting");
  world.open();
  world.send(base(12, [BOB]));
  assert.equal(view.asOf, 12);
  assert.equal(world.sockets.length, 2);
});

test("15 s of silence end a connection, which is resumed", () => {
  const { world } = live();
  world.pass(14_999);
  assert.deepEqual(world.socket.closes, []);
  world.send(delta(10, 20));
  world.pass(14_999);
  assert.deepEqual(world.socket.closes, []);
  world.pass(1);
  assert.deepEqual(world.socket.closes, [[1000, "silence"]]);
  world.pass(500);
  assert.deepEqual(world.asked, ["v@1-u1:20"]);
});

test("a socket that does not open within 10 s is given up", () => {
  const world = new World();
  world.follow();
  world.pass(9_999);
  assert.deepEqual(world.socket.closes, []);
  world.pass(1);
  assert.deepEqual(world.socket.closes, [[1000, "connect timeout"]]);
  world.pass(500);
  assert.equal(world.sockets.length, 2);
});

test("the 15 s begin when the socket opens", () => {
  const world = new World();
  world.follow();
  world.pass(9_000);
  world.open();
  world.pass(14_999);
  assert.deepEqual(world.socket.closes, []);
  world.pass(1);
  assert.equal(world.socket.closes.length, 1);
});

test("a clock that is set back does not make the silence last", () => {
  const { world } = live();
  world.time -= 3_600_000;
  world.pass(3_600_000 + 15_000);
  assert.equal(world.sockets[0].closes.length, 1);
});

test("a refusal for good is shown and not tried again, until retry()", () => {
  for (const code of [4400, 4403, 4404]) {
    const world = new World();
    const stream = world.follow();
    world.open();
    world.end(code, "no view 'v'; there are counter, top10");
    const { state, reason } = stream.view("v").standing;
    assert.deepEqual([state, reason], ["refused", "no view 'v'; there are counter, top10"]);
    assert.equal(stream.state, "refused");
    assert.equal(stream.retryAt, null);
    world.dispatch("online");
    world.dispatch("pageshow");
    world.pass(3_600_000);
    assert.equal(world.sockets.length, 1);
    stream.retry();
    assert.equal(world.sockets.length, 2);
    assert.equal(stream.view("v").standing.state, "connecting");
  }
});

test("a server that is full for now is asked again, and its reason is shown", () => {
  for (const code of [4429, 4503]) {
    const world = new World();
    const stream = world.follow();
    world.open();
    world.end(code, "the server has 100 clients, as many as it takes");
    const { state, reason } = stream.view("v").standing;
    assert.deepEqual(
      [state, reason],
      ["connecting", "the server has 100 clients, as many as it takes"],
    );
    world.pass(500);
    assert.equal(world.sockets.length, 2);
  }
});

test("one refused view does not take the others down", () => {
  const world = new World();
  const stream = world.follow({ views: ["v", "nosuch"] });
  world.open();
  world.send(status("refused", "no view 'nosuch'", { view: "nosuch" }), base(10, [ALICE]));
  assert.equal(stream.view("nosuch").standing.state, "refused");
  assert.equal(stream.view("nosuch").standing.reason, "no view 'nosuch'");
  assert.equal(stream.view("v").standing.state, "live");
  assert.deepEqual(world.socket.closes, []);
});

test("a closed stream stays closed, keeps its rows, and has no timers", () => {
  const { world, stream, view } = live();
  stream.close();
  assert.deepEqual(world.socket.closes, [[1000, ""]]);
  for (const name of ["online", "pagehide", "pageshow"]) world.dispatch(name);
  stream.retry();
  stream.resume();
  stream.close();
  world.pass(3_600_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.socket.closes.length, 1);
  assert.deepEqual(world.timers, []);
  assert.equal(view.rows().length, 1);
  assert.equal(stream.retryAt, null);
  assert.equal(stream.state, "closed");
});

test("closing during a wait ends the wait", () => {
  const { world, stream } = live();
  world.end();
  stream.close();
  world.pass(60_000);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.timers, []);
});

test("a live stream has two timers: the time limit of the connection and the tick", () => {
  const { world } = live();
  for (const upper of [11, 12, 13]) world.send(delta(upper - 1, upper));
  assert.equal(world.timers.length, 2);
});

test("reports connections, resumes and bases", () => {
  const world = new World();
  const stream = world.follow();
  const events = [];
  stream.onConnection((event) => events.push(event));
  world.open();
  world.send(base(10, [ALICE]), delta(10, 20));
  world.end(1006, "");
  world.pass(500);
  world.open();
  world.send(delta(20, 20), delta(20, 30));
  world.end(4404, "gone");
  stream.close();
  assert.deepEqual(events, [
    { type: "connected", transport: "websocket" },
    { type: "loaded", view: "v" },
    { type: "disconnected", code: 1006, reason: "", retryAt: 1_000_500 },
    { type: "connecting", transport: "websocket", attempt: 2 },
    { type: "connected", transport: "websocket" },
    { type: "resumed", view: "v" },
    { type: "refused", code: 4404, reason: "gone" },
    { type: "closed" },
  ]);
});

test("reports why it gave a connection up", () => {
  const { world, stream } = live();
  const events = [];
  stream.onConnection((event) => events.push(event));
  world.pass(15_000);
  assert.deepEqual(events, [
    { type: "disconnected", code: 1006, reason: "silence", retryAt: world.time + 500 },
  ]);
});

test("a WebSocket that cannot be made is a lost connection, and not an uncaught error", () => {
  const world = new World();
  class Forbidden {
    constructor() {
      world.sockets.push(this);
      throw new Error("insecure");
    }
  }
  const stream = world.follow({ environment: { WebSocket: Forbidden } });
  assert.equal(stream.state, "retrying");
  world.pass(500);
  assert.equal(world.sockets.length, 2);
});

test("an error event of the socket is heard, since the package ws throws it otherwise", () => {
  const world = new World();
  world.follow();
  assert.doesNotThrow(() => world.socket.onerror(new Error("connection refused")));
});

test("a listener may close the stream when it is about to connect", () => {
  const { world, stream } = live();
  stream.onConnection(({ type }) => type === "connecting" && stream.close());
  world.end();
  world.pass(500);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.timers, []);
});

test("a listener may pause and resume the stream when it is about to connect", () => {
  const { world, stream } = live();
  let isFirst = true;
  stream.onConnection(({ type }) => {
    if (type !== "connecting" || !isFirst) return;
    isFirst = false;
    stream.pause();
    stream.resume();
  });
  world.end();
  world.pass(500);
  assert.equal(world.sockets.length, 2);
  assert.equal(stream.state, "connecting");
});
