'use strict';

/**
 * A response of server-sent events whose client comes back when it ends: an `EventSource`, which asks with GET and accepts
 * nothing else. Other clients of event streams, such as those of a language model, do not: theirs is a response like any other.
 */
const TYPE = 'text/event-stream';

/** The end of a line, twice: an event is complete. */
const COMPLETE = /(\n\n|\r\r|\r\n\r\n)$/;
const COMPLETE_BYTES_MAX = 4;

class EventStream {
  #response;
  #socket;
  #isEncoded;
  #write;
  /** The last bytes since this was made. One that is silent has sent its last event in full. */
  #last = '\n\n';

  /**
   * @param {import('node:http').ServerResponse | import('node:http2').ServerHttp2Stream} response one that has sent its headers
   * @param {boolean} isEncoded whether what is written is encoded by the program
   * @param {import('node:net').Socket} [socket] the connection that ends with it; a session of HTTP/2 does not
   */
  constructor(response, isEncoded, socket) {
    this.#response = response;
    this.#isEncoded = isEncoded;
    this.#socket = socket;
    this.#write = response.write;
    const stream = this;
    response.write = function (chunk, ...rest) {
      stream.#last = (stream.#last + tail(chunk)).slice(-COMPLETE_BYTES_MAX);
      return stream.#write.call(this, chunk, ...rest);
    };
  }

  get isOpen() {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  /** Ends it, and with it the connection: on that one the client would come back to this server. */
  end() {
    const response = this.#response;
    response.once('finish', () => this.#socket?.destroySoon());
    response.write = this.#write;
    response.end();
    // The program learns of it with `close`; until then, what it writes after the end would be an uncaught error.
    response.write = () => true;
    response.end = () => response;
  }

  /** Tells the client when to come back, unless an event is under way. The connection may be destroyed after it. */
  retryAfter(ms) {
    if (this.isOpen && !this.#isEncoded && COMPLETE.test(this.#last)) {
      this.#response.write(`retry: ${ms}\n\n`);
      // Node would write at the end of the turn, and the connection is destroyed before that.
      this.#socket?.uncork();
    }
  }
}

function tail(chunk) {
  return typeof chunk === 'string'
    ? chunk.slice(-COMPLETE_BYTES_MAX)
    : String.fromCharCode(...(chunk?.subarray?.(-COMPLETE_BYTES_MAX) ?? []));
}

/**
 * @param {{ method?: string, accept?: string }} request
 * @param {{ type?: string }} response
 */
function isEventStream({ method, accept }, { type }) {
  return method === 'GET' && Boolean(accept?.includes(TYPE)) && Boolean(type?.toLowerCase().startsWith(TYPE));
}

module.exports = { EventStream, isEventStream };
