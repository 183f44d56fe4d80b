// Compares a total with the sum of its parts, in two views of a running server.
//
//     node tests/static/tools/exactness.mjs http://127.0.0.1:8888 websocket 100
//
// Prints a line when the rows are there, and one of JSON after so many common times.

import WebSocket from "ws";
import { follow } from "../../../static/viewstream/index.js";

const [server, transport, moments] = process.argv.slice(2);
const stream = follow(["counter", "useredits"], { server, transport, WebSocket, keep: "10m" });
const result = { looks: 0, unequalLooks: 0, moments: 0, unequalMoments: 0, rewinds: 0, wrong: 0 };
/** [time, total] of each common time. */
const seen = [];

const totalOf = (rows) => rows[0]?.count ?? 0;
const sumOf = (rows) => rows.reduce((sum, { count }) => sum + count, 0);

for (const view of stream.views.values()) {
  view.onChange(() => {
    if ([...stream.views.values()].some(({ loaded }) => !loaded)) return;
    const [counter, useredits] = [...stream.views.values()].map((each) => each.snapshot());
    result.looks += 1;
    result.unequalLooks += totalOf(counter) === sumOf(useredits) ? 0 : 1;
  });
}

stream.onChange(({ time, view }) => {
  const total = totalOf(view("counter").snapshot());
  result.unequalMoments += total === sumOf(view("useredits").snapshot()) ? 0 : 1;
  result.moments += 1;
  seen.push([time, total]);
  if (result.moments === 1) console.log("begun");
  if (result.moments === Number(moments)) finish();
});

/** Read again, from the past that is kept, what was shown at each common time. */
function finish() {
  for (const [time, total] of seen) {
    const [counter, useredits] = [...stream.views.values()].map((view) => view.at(time - 1));
    if (counter === null || useredits === null) continue;
    result.rewinds += 1;
    result.wrong += total === totalOf(counter) && total === sumOf(useredits) ? 0 : 1;
  }
  console.log(JSON.stringify(result));
  stream.close();
}
