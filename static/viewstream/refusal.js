/** Why a client ends a connection by itself. */

/** Close code of a client that cannot apply what it was sent, because something is missing. */
export const GAP = 4000;
/** Close code of a client whose rows have another checksum than the server says. */
export const WRONG_CHECKSUM = 4001;

/**
 * A message that cannot be applied: the connection is to be closed with `code`.
 *
 * The state has forgotten its position by then, so that the next connection does not resume; the
 * rows stay, for those who look at them, until a base replaces them.
 */
export class RefusalError extends Error {
  constructor(code, reason) {
    super(reason);
    this.name = "RefusalError";
    this.code = code;
  }
}
