/** What the other side, or the program, did wrong: a code for programs, and words for people. */
export class Fault extends Error {
  constructor(code, message = code) {
    super(message);
    this.code = code;
  }
}

/** @throws {Fault} unless it is true */
export function expect(truth, code, message) {
  if (!truth) {
    throw new Fault(code, message);
  }
}
