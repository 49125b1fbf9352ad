/**
 * serverswap for Node: what a server calls, and is called back for, while it is replaced.
 *
 * Without a supervisor (`SERVERSWAP_SOCKET` is not set), and on systems other than Linux, every claim is granted at once, an
 * inherited listener is opened in the process, and nothing else happens.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import type { Server as NetServer, Socket } from 'node:net';

/** `':8080'`, `'127.0.0.1:8080'`, `'[::1]:443'`, `'unix:/run/app.sock'`, `'udp::53'`, a name, or a port number. */
export type Address = string | number;

/** Why an address is taken: a newer server serves it, or the supervisor was asked to stop. */
export type TakedownReason = 'replaced' | 'stopping';

/** The request to stop accepting and to release an address. */
export interface Takedown {
  /** The canonical address. */
  readonly address: string;
  readonly reason: TakedownReason;
  /** Milliseconds from the takedown until the process gets TERM. */
  readonly drainMs: number;
  /** The same for responses that still make progress, if `progress` asks for it; no shorter. `listen` does by itself. */
  readonly streamMs: number;
}

/** An address that this server holds. */
export interface Grant {
  /** The canonical address. */
  readonly address: string;
  /**
   * Reports that the accept loop runs. Of no effect after `close()`.
   * @throws {ServerSwapError} `not_held`; `not_listening`: no server has asked for the descriptor of the listener
   */
  serving(): void;
  /** Releases the address. Close a server that listens on it first. */
  close(): void;
}

/** The socket of an address, for `server.listen(listener)` and `dgramSocket.bind(listener)`. */
export interface Listener extends Grant {
  /** The descriptor. Whoever reads it owns it; if nobody has, `close()` closes it. */
  readonly fd: number;
  readonly exclusive: true;
}

export interface ClaimOptions {
  /** Further claims will follow: the server is not up before it calls `serverUp()`. */
  more?: boolean | undefined;
  /** When it is aborted, the claim is withdrawn and rejected with an `AbortError`. */
  signal?: AbortSignal | undefined;
}

export interface BindOptions extends ClaimOptions {
  /** Exclusive, the default: the old server releases first, then this one binds for itself. */
  inherit?: false | undefined;
  /**
   * `'auto'`, the default: `serving` is reported when the callback is done (when it returns, or its promise is
   * fulfilled; in the promise form, when the code after `await` has run up to its next wait) and one
   * turn of the event loop has passed. `'manual'`: `grant.serving()` reports it.
   */
  serving?: 'auto' | 'manual' | undefined;
}

export interface InheritOptions extends ClaimOptions {
  /** The listening socket itself is passed. Call `listener.serving()` when the server listens. */
  inherit: true;
}

/**
 * A callback that takes no parameter is called once the address is granted, and a refusal is an uncaught
 * error. One that takes any is called with the grant, or with the error.
 */
export type Answered<T> = (error: ServerSwapError | AbortError | null, grant?: T) => unknown;

/** The error of an aborted claim, as that of Node's own functions. */
export interface AbortError extends Error {
  name: 'AbortError';
  code: 'ABORT_ERR';
}

/**
 * This server is ready to take the address. Do everything slow before that.
 *
 * The number of parameters of a callback is its `length`.
 *
 * @throws {ServerSwapError} at once: `invalid_argument`, `invalid_address`. Otherwise as a rejection,
 *   an argument, or an uncaught error: `superseded`, `address_in_use`, `already_claimed`, `supervisor_lost`, …
 */
export function readyFor(address: Address, options: InheritOptions): Promise<Listener>;
export function readyFor(address: Address, options?: BindOptions): Promise<Grant>;
export function readyFor(address: Address, callback: Answered<Grant>): void;
export function readyFor(address: Address, options: InheritOptions, callback: Answered<Listener>): void;
export function readyFor(address: Address, options: BindOptions, callback: Answered<Grant>): void;

/**
 * A callback that takes no parameter is done when it returns, or when the promise that it returned is
 * fulfilled. One that takes any is done when it calls `done`.
 */
export type TakenDown = (done: () => void, takedown: Takedown) => unknown;

/**
 * What to do when the address is taken: stop accepting and close the listening socket. A server without this is
 * ended when its address is taken. Several callbacks of one address are called in order, and it is released when
 * all are done. One that throws, or whose promise is rejected, is done: it costs a warning, not the drain.
 *
 * @throws {ServerSwapError} `invalid_argument`, `invalid_address`
 */
export function onTakedown(address: Address, callback: TakenDown): void;

export interface ListenOptions extends ClaimOptions {
  /** Milliseconds after which open connections are destroyed, if that is sooner than the supervisor's deadline. */
  drainTimeout?: number | undefined;
  /** Called when the address is taken, after the server has stopped accepting. */
  onTakedown?: ((takedown: Takedown & { readonly connections: Socket[] }) => unknown) | undefined;
  /**
   * Called for each connection that lives on in the drain, when its time to be told goodbye has come, instead of what this
   * package does by itself. Without it, connections whose protocol it does not know wait for the drain deadline.
   */
  goodbye?: ((connection: LivingConnection) => unknown) | undefined;
}

/** A connection that no answer ends. */
export interface LivingConnection {
  /**
   * `'websocket'` of ws and so of Socket.IO; `'http2'`, a session; `'event-stream'` of an `EventSource`; `'request'` that waits
   * for its answer, or for the rest of it, and nothing is sent; `'upgraded'` or a tunnel; `'socket'` of a server that is not of HTTP.
   */
  readonly kind: 'websocket' | 'http2' | 'event-stream' | 'request' | 'upgraded' | 'socket';
  readonly socket: Socket;
  /** Of HTTP/1. */
  readonly request: IncomingMessage | undefined;
  readonly response: ServerResponse | undefined;
  /** The `WebSocket` of ws. */
  readonly webSocket: { send(data: string | Uint8Array): void; close(code?: number, reason?: string): void } | undefined;
  readonly session: ServerHttp2Session | undefined;
  /** Tells it as this package does: close with 1012, GOAWAY, the end of the response. Closes one of an unknown protocol. */
  end(): void;
}

/** A server on an address. */
export interface Listening {
  /** The canonical address. */
  readonly address: string;
  /** Fulfilled when accepting has stopped and the last connection is closed. Never rejected. */
  readonly drained: Promise<void>;
  /** Releases the address and drains; returns `drained`. */
  close(): Promise<void>;
}

/**
 * The whole life of a server on an inherited address: claims it, listens on the socket that is passed, reports
 * `serving`, and when the address is taken stops accepting, answers every open connection once more, and lets the
 * process end by itself.
 *
 * @param server of node:http, https, http2, tls or net, that does not listen yet
 * @throws {ServerSwapError} as `readyFor`; `listens_elsewhere`, `not_supported`; or the error of the server's `error` event.
 *   The server is left as it was, and can listen again
 */
export function listen(server: NetServer, address: Address, options?: ListenOptions): Promise<Listening>;

/**
 * The accept loop of a granted address runs.
 * @throws {ServerSwapError} `not_held`
 */
export function serving(address: Address): void;

/** Every address that this server will ever claim is granted and serving; for claims with `more`. */
export function serverUp(): void;

/**
 * This server gives up: the deploy has failed. It does not end the process.
 *
 * @param reason a text or an error, for people
 */
export function fail(reason?: unknown): void;

/**
 * Reports the progress of the drain of an address. `listen` reports the connections by itself.
 * @throws {ServerSwapError} `not_held`
 */
export function progress(
  address: Address,
  options?: {
    /** How many connections are open. */
    connections?: number | undefined;
    /** Asks for this many milliseconds from now on. */
    extendMs?: number | undefined;
  },
): void;

/** Whether a supervisor started this process. */
export const supervised: boolean;

/** An opaque identifier of the start of the command that this process belongs to; null without a supervisor. */
export const generation: string | null;

/** Every error that this package throws or rejects with. */
export class ServerSwapError extends Error {
  constructor(code: string, message: string, options?: { cause?: unknown });
  name: 'ServerSwapError';
  /** For programs, for example `address_in_use`. */
  readonly code: string;
}
