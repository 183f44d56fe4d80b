/**
 * Why a server lets nobody in. A browser does not tell its page how a websocket was refused, so
 * the page asks by other means.
 */

/**
 * The sentence with which the server refuses one of the views, or this page, or "" if it refuses
 * neither, or does not answer.
 *
 * @param {URL} server
 * @param {string[]} views
 */
export async function refusalOf(server, views) {
  for (const view of views) {
    const address = new URL("view/frontier", server);
    address.searchParams.set("view", view);
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (answer.status >= 400 && answer.status < 500) return (await answer.json()).error ?? "";
    } catch {
      return ""; // nobody there, or no such server: the page says already that it has no connection
    }
  }
  return "";
}
