// The peers on Node: node _peers.cjs ws|uwebsockets FOLDER, where FOLDER holds node_modules.
// They take the same orders as _peers.py. uWebSockets also sends the body of each POST to all clients.
'use strict';

const path = require('node:path');
const readline = require('node:readline');

const [, , name, folder] = process.argv;
const peer = require(path.join(folder, 'node_modules', name));
const announce = (port) => console.error(`listening on 127.0.0.1:${port}`);
let hello = '';

// Each returns the function that sends one text to all clients, in the way of its library.
const peers = {
  ws() {
    const server = new peer.WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      perMessageDeflate: false,
      backlog: 4096,
    });
    server.on('listening', () => announce(server.address().port));
    server.on('connection', (client) => {
      if (hello) client.send(hello);
    });
    return (text) => {
      const data = Buffer.from(text);
      for (const client of server.clients) client.send(data, { binary: false });
    };
  },
  uwebsockets() {
    const app = peer.App();
    app.ws('/*', {
      maxBackpressure: 1 << 28,
      idleTimeout: 0,
      sendPingsAutomatically: false,
      open(client) {
        client.subscribe('all');
        if (hello) client.send(hello);
      },
    });
    app.post('/*', (response) => {
      const chunks = [];
      response.onAborted(() => {});
      response.onData((chunk, isLast) => {
        chunks.push(Buffer.from(chunk.slice(0)));
        if (!isLast) return;
        app.publish('all', Buffer.concat(chunks).toString());
        response.end('{}\n');
      });
    });
    app.listen('127.0.0.1', 0, (listener) => announce(peer.us_socket_local_port(listener)));
    return (text) => app.publish('all', text);
  },
};
const send = peers[name]();

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function sendAll(rate, seconds, size, burst) {
  let count = 0;
  let stamp = 0n;
  const begin = performance.now();
  for (let turn = 0; turn < Math.floor(rate * seconds); turn += 1) {
    const wait = begin + (turn * 1000) / rate - performance.now();
    if (wait > 0) await pause(wait);
    else await new Promise(setImmediate);
    for (let one = 0; one < burst; one += 1) {
      stamp = process.hrtime.bigint();
      send(`@${stamp}@`.padEnd(size, 'x'));
      count += 1;
    }
  }
  console.log(`${count} ${stamp}`);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [kind, ...numbers] = line.split(' ');
  if (kind === 'hello') {
    hello = 'x'.repeat(Number(numbers[0]));
    console.log('ok');
  } else {
    sendAll(...numbers.map(Number));
  }
});
