/**
 * JSON as a line has it: what `JSON.parse` lets through, and the protocol does not, is refused. That is a key twice,
 * an integer beyond 2^53 - 1, half of a surrogate pair, and nesting deeper than 16. A number that is written with a
 * fraction or an exponent becomes a `Fraction`, so that `2.0` is not taken for an integer.
 */
const DEPTH = 16;
const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

/** A number that is no integer as it is written. */
export class Fraction {
  constructor(value) {
    this.value = value;
  }
}

/**
 * @param {string} text
 * @returns {unknown}
 * @throws {SyntaxError}
 */
export function parse(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.match(SPACE);
  reader.check(reader.at === text.length, 'something follows the object');
  return value;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  check(truth, why) {
    if (!truth) {
      throw new SyntaxError(`${why}, at ${this.at}`);
    }
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    this.at += found?.[0].length ?? 0;
    return found;
  }

  /** Whether this character comes next; it is behind us then. */
  take(character) {
    this.match(SPACE);
    const taken = this.text[this.at] === character;
    this.at += taken ? 1 : 0;
    return taken;
  }

  value(depth) {
    if (this.take('{')) {
      return this.object(depth + 1);
    }
    if (this.take('[')) {
      return this.list(depth + 1);
    }
    if (this.text[this.at] === '"') {
      return this.string();
    }
    const word = this.match(WORD);
    return word ? JSON.parse(word[0]) : this.number();
  }

  object(depth) {
    this.check(depth <= DEPTH, 'nested too deep');
    const object = {};
    for (let first = true; !this.take('}'); first = false) {
      this.check(first || this.take(','), 'no comma');
      this.match(SPACE);
      const key = this.string();
      this.check(this.take(':'), 'no colon');
      this.check(!Object.hasOwn(object, key), 'a key twice');
      const value = this.value(depth);
      Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return object;
  }

  list(depth) {
    this.check(depth <= DEPTH, 'nested too deep');
    const list = [];
    while (!this.take(']')) {
      this.check(list.length === 0 || this.take(','), 'no comma');
      list.push(this.value(depth));
    }
    return list;
  }

  string() {
    const found = this.match(STRING);
    this.check(found, 'no text');
    const text = JSON.parse(found[0]);
    this.check(!/\p{Surrogate}/u.test(text), 'half of a surrogate pair');
    return text;
  }

  number() {
    const found = this.match(NUMBER);
    this.check(found, 'no value');
    const value = Number(found[0]);
    const whole = found[1] === undefined && found[2] === undefined;
    this.check(whole ? Number.isSafeInteger(value) : Number.isFinite(value), 'a number that is too large');
    return whole ? value : new Fraction(value);
  }
}
