/** The client library: exact copies of a server's views, kept exact. `docs/client.md` tells how. */

export { follow } from "./stream.js";
export { readValue } from "./values.js";
