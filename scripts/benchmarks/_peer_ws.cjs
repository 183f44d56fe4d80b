// The `ws` peer of the fan-out: node _peer_ws.cjs FOLDER, where FOLDER holds node_modules/ws.
// It takes the same orders as _peers.py. `ws` frames a message for each client; that is its own way.
'use strict';

const path = require('node:path');
const readline = require('node:readline');
const { WebSocketServer } = require(path.join(process.argv[2], 'node_modules', 'ws'));

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: false,
  backlog: 4096,
});
server.on('listening', () => console.error(`listening on 127.0.0.1:${server.address().port}`));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function send(rate, seconds, size) {
  const text = Buffer.from('x'.repeat(size));
  const count = Math.floor(rate * seconds);
  const begin = performance.now();
  for (let n = 0; n < count; n += 1) {
    const wait = begin + (n * 1000) / rate - performance.now();
    if (wait > 0) await pause(wait);
    else await new Promise(setImmediate);
    for (const client of server.clients) client.send(text, { binary: false });
  }
  console.log(count);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [rate, seconds, size] = line.split(' ').map(Number);
  send(rate, seconds, size);
});
