// Server-sent events: the parser, and when the library uses them.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { follow } from "../../static/viewstream/index.js";
import { EventParser } from "../../static/viewstream/sse.js";
import { ALICE, base, delta, World } from "./fakes.mjs";

const CASES = [
  ["one event", "data: a\n\n", ["a"]],
  ["names and ids are ignored", "event: base\nid: v@1-u1:10\ndata: a\n\n", ["a"]],
  ["several lines are one event", "data: a\ndata: b\n\n", ["a\nb"]],
  ["no blank after the colon", "data:a\n\n", ["a"]],
  ["only one blank is taken", "data:  a\n\n", [" a"]],
  ["an empty line of data", "data\n\ndata:\n\n", ["", ""]],
  ["comments keep a connection alive", ": hello\n\ndata: a\n\n:\n\n", ["a"]],
  ["fields that begin alike", "database: x\ndata2: y\n\ndata: a\n\n", ["a"]],
  ["CR LF", "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", ["a\nb", "c"]],
  ["CR", "data: a\r\rdata: b\r\r", ["a"]],
  ["mixed line ends", "data: a\r\n\ndata: b\n\r\n", ["a", "b"]],
  ["an event that is not complete", "data: a\n\ndata: b\n", ["a"]],
  ["other characters", "data: 漢字 😀\u2028\n\n", ["漢字 😀\u2028"]],
];

for (const [name, text, events] of CASES) {
  test(`events: ${name}`, () => {
    const parse = (...pieces) => {
      const parser = new EventParser();
      return pieces.flatMap((piece) => parser.push(piece)).map(({ data }) => data);
    };
    assert.deepEqual(parse(text), events, "in one piece");
    assert.deepEqual(parse(...text), events, "character by character");
    for (let cut = 1; cut < text.length; cut += 1) {
      assert.deepEqual(parse(text.slice(0, cut), text.slice(cut)), events, `cut at ${cut}`);
    }
  });
}

test("events: the name is that of the event, and of no other", () => {
  const events = new EventParser().push(
    "event: close\ndata: a\n\ndata: b\n\nevent: x\n\ndata: c\n\n",
  );
  assert.deepEqual(
    events.map(({ name }) => name),
    ["close", "", ""],
  );
});

/** A server of server-sent events; `respond` handles each request. */
async function serve(context, respond) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request);
    respond(response, requests.length);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, url: `http://127.0.0.1:${server.address().port}` };
}

/** Follow by the real `fetch`, with a WebSocket that never opens. */
function followBlocked(context, url, options) {
  const sockets = [];
  class Blocked {
    constructor() {
      sockets.push(this);
      queueMicrotask(() => this.onclose({ code: 1006, reason: "" }));
    }
    close() {}
  }
  const environment = { WebSocket: Blocked, random: () => 0 };
  const stream = follow(["v"], { server: url, environment, ...options });
  context.after(() => stream.close());
  return { stream, sockets };
}

const until = (stream, condition) =>
  new Promise((resolve) => {
    const check = () => condition() && resolve();
    stream.onConnection(check);
    for (const view of stream.views.values()) {
      view.onChange(check);
      view.onStanding(check);
    }
  });

const send = (response, message) => response.write(`data: ${JSON.stringify(message)}\n\n`);

test("two websockets that bring nothing are followed by server-sent events", async (context) => {
  const { url, requests } = await serve(context, (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    send(response, base(10, [ALICE]));
  });
  const { stream, sockets } = followBlocked(context, url);
  const view = stream.view("v");
  await until(stream, () => view.loaded);
  assert.equal(sockets.length, 2);
  assert.equal(requests[0].headers.accept, "text/event-stream");
  assert.equal(requests[0].url, "/view/stream?weights=1&view=v");
  assert.deepEqual(view.rows(), [{ user: "Alice", count: 12 }]);
});

test("an event stream that ends is resumed; a websocket is tried first", async (context) => {
  const { url, requests } = await serve(context, (response, number) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    send(response, number === 1 ? base(10, [ALICE]) : delta(10, 20));
    if (number === 1) response.end();
  });
  const { stream, sockets } = followBlocked(context, url);
  await until(stream, () => stream.view("v").asOf === 20);
  assert.equal(sockets.length, 3);
  assert.equal(requests.length, 2);
  assert.equal(new URL(requests[1].url, url).searchParams.get("view"), "v@1-u1:10");
});

test("a refused request is a refusal with the server's sentence", async (context) => {
  const { url, requests } = await serve(context, (response) => {
    response.writeHead(404, { "Content-Type": "application/json" });
    response.end('{"error": "no view \'v\'; there are counter, top10"}');
  });
  const { stream } = followBlocked(context, url);
  await until(stream, () => stream.state === "refused");
  assert.equal(stream.view("v").standing.reason, "no view 'v'; there are counter, top10");
  assert.equal(requests.length, 1);
});

for (const [what, status, body] of [
  ["a proxy's own page", 404, "<h1>not found</h1>"],
  ["a server without server-sent events", 426, '{"error": "not a websocket"}'],
  ["a gateway that has no server", 502, ""],
]) {
  test(`no refusal: ${what}`, async (context) => {
    const { url, requests } = await serve(context, (response) => {
      response.writeHead(status);
      response.end(body);
    });
    const { stream, sockets } = followBlocked(context, url);
    await until(stream, () => requests.length > 0 && sockets.length > 2);
    assert.notEqual(stream.state, "refused");
  });
}

test("a server that is full says when to come back", async (context) => {
  const { url } = await serve(context, (response) => {
    response.writeHead(503, { "Content-Type": "application/json", "Retry-After": "7" });
    response.end('{"error": "as many clients as the server takes"}');
  });
  const { stream } = followBlocked(context, url);
  const events = [];
  stream.onConnection((event) => events.push(event));
  await until(stream, () => events.some(({ reason }) => reason === "retry=7"));
  assert.ok(stream.retryAt - Date.now() > 5_000);
});

test("a server that is not there is no uncaught error, by neither transport", async (context) => {
  for (const transport of ["sse", undefined]) {
    const { stream } = followBlocked(context, "http://127.0.0.1:1", { transport });
    let losses = 0;
    await until(stream, () => {
      losses += stream.state === "retrying" ? 1 : 0;
      return losses >= 4;
    });
    stream.close();
  }
});

test("without a WebSocket server-sent events are used at once", async (context) => {
  const { url } = await serve(context, (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    send(response, base(10, [ALICE]));
  });
  const stream = follow(["v"], { server: url, environment: { WebSocket: undefined } });
  context.after(() => stream.close());
  await until(stream, () => stream.view("v").loaded);
});

test("the server's close event has the code and the reason of a close frame", async (context) => {
  const { url } = await serve(context, (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    send(response, base(10, [ALICE]));
    response.end('retry: 7000\nevent: close\ndata: {"code":1001,"reason":"retry=7"}\n\n');
  });
  const { stream } = followBlocked(context, url);
  const events = [];
  stream.onConnection((event) => events.push(event));
  await until(stream, () => events.some(({ code }) => code === 1001));
  assert.ok(stream.retryAt - Date.now() > 5_000);
  assert.equal(stream.view("v").loaded, true);
});

test("comments keep an event stream alive", () => {
  const world = new World();
  const stream = world.follow();
  world.open();
  for (let second = 0; second < 60; second += 1) {
    world.pass(1_000);
    world.socket.onactivity({});
  }
  assert.equal(stream.state, "open");
  world.pass(15_000);
  assert.equal(stream.state, "retrying");
});

test("closing the stream ends the request", async (context) => {
  let ended;
  const isEnded = new Promise((resolve) => {
    ended = resolve;
  });
  const { url } = await serve(context, (response) => {
    response.on("close", ended);
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    send(response, base(10, [ALICE]));
  });
  const { stream } = followBlocked(context, url, { transport: "sse" });
  await until(stream, () => stream.view("v").loaded);
  stream.close();
  await isEnded;
  assert.equal(stream.state, "closed");
});

test("a websocket that works once is preferred again", () => {
  const world = new World();
  const fetched = [];
  const fetch = (url) => {
    fetched.push(url);
    return new Promise(() => {});
  };
  const stream = world.follow({ environment: { fetch } });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    world.open();
    world.send(base(10, []));
    world.end();
    world.pass(stream.retryAt - world.time);
    world.end();
    world.pass(stream.retryAt - world.time);
  }
  assert.equal(world.sockets.length, 11);
  assert.deepEqual(fetched, []);
});

test("only the transport that the page asks for is used", () => {
  const world = new World();
  const stream = world.follow({
    transport: "websocket",
    environment: { fetch: () => assert.fail("fetched") },
  });
  for (let attempt = 0; attempt < 4; attempt += 1) {
    world.end();
    world.pass(stream.retryAt - world.time);
  }
  assert.equal(world.sockets.length, 5);
});
