// Tokens of readers: when the library asks the page for one, and how it goes on with it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { follow } from "../../static/viewstream/index.js";
import { ALICE, BOB, base, delta, World } from "./fakes.mjs";

/** A token that ends so many milliseconds from the world's now; `name` makes it another one. */
function tokenOf(world, life, name = "a") {
  const payload = Buffer.from(JSON.stringify({ exp: (world.time + life) / 1000, ü: "ÿ>?" }));
  return `h.${payload.toString("base64url")}.${name}`;
}

/** Let promises that are settled call back. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Follow `v` with a page that gives tokens of an hour, one after the other. */
async function followWith(options = {}) {
  const world = new World();
  const asked = [];
  const give = options.give ?? ((n) => tokenOf(world, 3_600_000, n));
  const token = () => {
    asked.push(world.time);
    return give(asked.length, world);
  };
  const stream = world.follow({ ...options.stream, token });
  const view = stream.view("v");
  const standings = [];
  view.onStanding(({ state, reason }) => standings.push(reason ? `${state}: ${reason}` : state));
  await settle();
  return { world, stream, view, asked, standings };
}

const nameOf = ({ socket }) => socket.protocols?.[1].split(".").at(-1);

test("a websocket offers the token as a subprotocol, and a stream without tokens none", async () => {
  const { world } = await followWith();
  assert.deepEqual(world.socket.protocols, [
    "viewstream",
    `bearer.${tokenOf(world, 3_600_000, 1)}`,
  ]);
  assert.ok(!world.socket.url.includes("bearer"));
  const plain = new World();
  plain.follow();
  assert.deepEqual(plain.socket.protocols, []);
});

test("a token is kept over reconnects", async () => {
  const { world, asked } = await followWith();
  world.open();
  world.send(base(10, [ALICE]));
  world.end();
  world.pass(500);
  await settle();
  assert.equal(world.sockets.length, 2);
  assert.equal(nameOf(world), "1");
  assert.equal(asked.length, 1);
});

test("the next token is asked for before the end, and used at once when the server ends", async () => {
  const { world, view, asked, standings } = await followWith();
  world.open();
  world.send(base(10, [ALICE]));
  const seen = standings.length;
  for (let second = 0; second < 3600; second += 1) {
    world.send(delta(10, 10));
    world.pass(1000);
    if (second % 10 === 0) await settle();
  }
  assert.equal(asked.length, 2);
  assert.ok(asked[1] - asked[0] >= 3_570_000);
  assert.equal(world.sockets.length, 1, "the first connection lasts until its end");
  world.end(4440, "the token has expired");
  await settle();
  assert.equal(nameOf(world), "2");
  assert.deepEqual(world.asked, ["v@1-u1:10"]);
  world.open();
  world.send(delta(10, 20, [[11, 1, BOB]]));
  assert.deepEqual(standings.slice(seen), [], "nobody saw it");
  assert.equal(view.rows().length, 2);
});

test("a token that ended while the page slept is not sent", async () => {
  const { world, asked } = await followWith();
  world.open();
  world.send(base(10, [ALICE]));
  world.time += 3_600_000; // timers do not run in a computer that sleeps
  world.end();
  world.pass(500);
  await settle();
  assert.equal(nameOf(world), "2");
  assert.equal(asked.length, 2);
});

test("a page whose clock is wrong asks when the server ends, and no sooner", async () => {
  const { world, asked, standings } = await followWith({
    give: (n, world) => tokenOf(world, -5000, n),
  });
  world.open();
  world.send(base(10, [ALICE]));
  world.pass(10_000);
  await settle();
  assert.equal(asked.length, 1);
  world.end(4440, "the token has expired");
  await settle();
  assert.equal(asked.length, 2);
  assert.equal(nameOf(world), "2");
  assert.equal(standings.at(-1), "live");
});

test("a page that fails to get the next token in time is asked again at the end", async () => {
  let fails = false;
  const { world, asked, standings } = await followWith({
    give: (n, world) => {
      if (fails) throw new Error("no login server");
      return tokenOf(world, 20_000, n);
    },
  });
  world.open();
  world.send(base(10, [ALICE]));
  fails = true;
  for (let n = 0; n < 20; n += 1) {
    world.send(delta(10, 10));
    world.pass(1000);
    await settle();
  }
  assert.equal(asked.length, 2, "at three quarters of its life");
  fails = false;
  world.end(4440, "the token has expired");
  await settle();
  assert.equal(nameOf(world), "3");
  assert.equal(standings.at(-1), "live");
});

test("a token that the server refuses is replaced, thrice at most", async () => {
  const { world, stream, asked, standings } = await followWith();
  for (const attempt of [1, 2, 3]) {
    assert.equal(nameOf(world), `${attempt}`);
    assert.equal(stream.state, "connecting");
    world.end(4401, "the token's signature is wrong");
    if (attempt < 3) world.pass(stream.retryAt - world.time);
    await settle();
  }
  assert.equal(stream.state, "refused");
  assert.equal(standings.at(-1), "refused: the token's signature is wrong");
  world.pass(100_000);
  assert.equal(asked.length, 3);
  stream.retry();
  await settle();
  assert.equal(asked.length, 4, "retry() asks for another one");
  world.open();
  world.send(base(10, [ALICE]));
  assert.equal(standings.at(-1), "live");
});

test("a stream without tokens is refused at once by 4401 and 4440", () => {
  for (const code of [4401, 4440]) {
    const world = new World();
    const stream = world.follow();
    world.end(code, "expected a token");
    assert.equal(stream.state, "refused");
  }
});

test("a token that does not grant the view is refused for good", async () => {
  const { world, stream } = await followWith();
  world.end(4403, "the token does not grant the view 'v'");
  assert.equal(stream.state, "refused");
});

test("refused tokens are no reason to leave websockets", async () => {
  const { world, stream } = await followWith();
  for (const _ of [1, 2]) {
    world.end(4401, "the token has expired");
    world.pass(stream.retryAt - world.time);
    await settle();
  }
  assert.equal(world.sockets.length, 3);
});

for (const [name, give] of [
  [
    "throws",
    () => {
      throw new Error("logged out");
    },
  ],
  ["rejects", () => Promise.reject(new Error("logged out"))],
]) {
  test(`a page that ${name} is asked again after a wait`, async () => {
    const { world, stream, asked } = await followWith({ give });
    assert.equal(world.sockets.length, 0);
    assert.equal(stream.state, "retrying");
    world.pass(stream.retryAt - world.time);
    await settle();
    assert.equal(asked.length, 2);
  });
}

test("a token that comes after the stream was paused opens nothing", async () => {
  const world = new World();
  let give;
  const stream = world.follow({
    token: () =>
      new Promise((resolve) => {
        give = resolve;
      }),
  });
  await settle();
  stream.pause();
  give(tokenOf(world, 1000));
  await settle();
  assert.equal(world.sockets.length, 0);
  assert.deepEqual(world.timers, []);
});

test("a closed or paused stream asks for nothing", async () => {
  for (const end of ["close", "pause"]) {
    const { world, stream, asked } = await followWith();
    world.open();
    stream[end]();
    world.pass(3_600_000);
    await settle();
    assert.equal(asked.length, 1, end);
    assert.deepEqual(world.timers, []);
  }
});

test("after a pause beyond its end, a token is replaced before it is used", async () => {
  const { world, stream } = await followWith();
  world.open();
  stream.pause();
  world.pass(4_000_000);
  stream.resume();
  await settle();
  assert.equal(nameOf(world), "2");
});

test("a token of a month does not make the page ask all the time", async () => {
  const { world, asked } = await followWith({
    give: (n, world) => tokenOf(world, 40 * 86_400_000, n),
  });
  assert.ok(Math.max(...world.timers) < 2 ** 31);
  world.pass(1000);
  await settle();
  assert.equal(asked.length, 1);
});

test("server-sent events send the token in a header", async (context) => {
  const headers = [];
  const server = createServer((request, response) => {
    headers.push(request.headers.authorization);
    if (headers.length === 1) {
      response.writeHead(401, { "Content-Type": "application/json" });
      response.end('{"error":"the token has expired"}');
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(`event: base\ndata: ${JSON.stringify(base(10, [ALICE]))}\n\n`);
    if (headers.length === 2) {
      response.end('event: close\ndata: {"code":4440,"reason":"the token has expired"}\n\n');
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const tokens = ["one", "two", "three"];
  const stream = follow(["v"], {
    server: `http://127.0.0.1:${server.address().port}`,
    transport: "sse",
    token: () => tokens.shift(),
    environment: { random: () => 0 },
  });
  context.after(() => stream.close());
  while (headers.length < 3) await new Promise((resolve) => stream.onConnection(resolve));
  assert.deepEqual(headers, ["Bearer one", "Bearer two", "Bearer three"]);
});
