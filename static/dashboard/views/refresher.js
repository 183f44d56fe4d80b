/** Asks for a JSON document again and again while the page is seen. */

export class Refresher {
  #url;
  #every;
  #take;
  #timer = 0;
  #number = 0;
  /** When the last answer came, as `Date.now()`. @type {?number} */
  answeredAt = null;
  /** Whether the last question was not answered. */
  problem = false;
  /** Why the server refuses to answer, or "". */
  refusal = "";
  /** Called when a question was answered, or was not. */
  onSettled = () => {};

  /**
   * @param {URL} url
   * @param {number} every milliseconds from an answer to the next question
   * @param {(document: any) => void} take gets each answer
   */
  constructor(url, every, take) {
    this.#url = url;
    this.#every = every;
    this.#take = take;
  }

  start() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.ask();
    });
    addEventListener("online", () => this.ask());
    this.ask();
  }

  /** Ask now, and again later. */
  async ask() {
    clearTimeout(this.#timer);
    this.#number += 1;
    const number = this.#number;
    try {
      const response = await fetch(this.#url, { signal: AbortSignal.timeout(10_000) });
      const answer = await response.json();
      if (number !== this.#number) return; // another question came after this one
      this.problem = false;
      this.refusal = response.ok ? "" : String(answer.error ?? response.status);
      if (response.ok) {
        this.answeredAt = Date.now();
        this.#take(answer);
      }
    } catch (error) {
      if (number !== this.#number) return;
      console.info(`the server does not answer: ${error.message}`);
      this.problem = true;
    }
    this.onSettled();
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => this.ask(), this.#every);
  }
}
