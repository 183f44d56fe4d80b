// Measures how much later changes are shown at the common time than at each view's own.
//
//     node tests/static/tools/delay_of_together.mjs http://127.0.0.1:8888 60 counter top10

import WebSocket from "ws";
import { follow } from "../../../static/viewstream/index.js";

const [server, seconds, ...names] = process.argv.slice(2);
const stream = follow(names, { server, WebSocket });
/** For each view: the changes that are not yet shown at the common time, and the delays of others. */
const views = names.map((name) => ({ name, waiting: [], delays: [] }));

for (const { name, waiting } of views) {
  stream.view(name).onChange(({ lower, upper, inserted }) => {
    if (lower !== null && inserted.length > 0) waiting.push({ upper, at: performance.now() });
  });
}

stream.onChange(({ time }) => {
  for (const { waiting, delays } of views) {
    while (waiting[0]?.upper <= time) delays.push(performance.now() - waiting.shift().at);
  }
});

setTimeout(() => {
  for (const { name, delays } of views) {
    delays.sort((a, b) => a - b);
    const quantile = (part) => Math.round(delays[Math.floor((delays.length - 1) * part)] ?? 0);
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map(quantile);
    console.log(`${name}: ${delays.length} changes, ${p50} ms (p90 ${p90}, p99 ${p99})`);
  }
  stream.close();
}, Number(seconds) * 1000);
