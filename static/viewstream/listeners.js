/** A set of functions to call. One that throws stops neither the caller nor the others. */
export class Listeners {
  /** @type {Set<{call: (value: any) => void}>} */
  #entries = new Set();

  /**
   * Add a function; returns one that removes it.
   *
   * @param {(value: any) => void} call
   */
  add(call) {
    const entry = { call };
    this.#entries.add(entry);
    return () => {
      this.#entries.delete(entry);
    };
  }

  /**
   * Call those that were there when the call began and that have not been removed since.
   *
   * @param {any} [value]
   */
  call(value) {
    for (const entry of [...this.#entries]) {
      if (this.#entries.has(entry)) callSafely(entry.call, value);
    }
  }
}

/**
 * Call a function of the page; an error is reported as uncaught, but not thrown from here.
 *
 * @param {(value: any) => void} call
 * @param {any} value
 */
export function callSafely(call, value) {
  try {
    call(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
