/** A list of functions to call. One that throws harms neither the caller nor the others. */
export class Listeners {
  #functions = new Set();

  /** Add a function; returns one that takes it out again. */
  add(listener) {
    const entry = { listener };
    this.#functions.add(entry);
    return () => {
      this.#functions.delete(entry);
    };
  }

  call(value) {
    for (const { listener } of [...this.#functions]) {
      try {
        listener(value);
      } catch (error) {
        // To where uncaught errors are seen, but not from here.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
