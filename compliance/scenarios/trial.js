// One case as its scenario sees it: connections of the client and combination under test, and the server's pages.
// Knows neither Node nor browser; what differs between them comes in as `runtime`.
import { contains, equal, isTrue } from './expect.js';

/**
 * @typedef {object} Runtime
 * @property {'node' | 'chromium'} name
 * @property {string} url Address of the server, e.g. http://127.0.0.1:5000
 * @property {string} secureUrl The same kind of server over HTTPS
 * @property {(client: string) => {signalr: any, MessagePackHubProtocol: any}} client
 * @property {any} WebSocket
 */

export class Trial {
  /**
   * @param {{client: string, transport: string | null, protocol: string, log: string[]}} each
   * @param {Runtime} runtime
   */
  constructor(each, runtime) {
    const { signalr, MessagePackHubProtocol } = runtime.client(each.client);
    this.signalr = signalr;
    this.version = signalr.VERSION;
    this.runtime = runtime;
    this.transport = each.transport;
    this.protocol = each.protocol;
    this.isBinary = each.protocol === 'messagepack';
    this.log = each.log;
    this._makeMessagePack = () => new MessagePackHubProtocol();
    this._connections = [];
  }

  /** The same case with something of it replaced, such as its protocol. */
  with(changes) {
    return Object.assign(Object.create(this), changes);
  }

  builder(path = '/testhub', options = {}) {
    const url = path.startsWith('http') ? path : this.runtime.url + path;
    const transport = this.transport === null ? undefined : this.signalr.HttpTransportType[this.transport];
    return new this.signalr.HubConnectionBuilder()
      .withUrl(url, { transport, logMessageContent: true, ...options })
      .withHubProtocol(this.protocol === 'messagepack' ? this._makeMessagePack() : new this.signalr.JsonHubProtocol())
      .configureLogging({
        log: (level, text) => level >= this.signalr.LogLevel.Debug && this.log.length < 200 && this.log.push(text),
      });
  }

  /** A connection, not started. `refine` may change its builder. */
  connection(path, options, refine = (builder) => builder) {
    const connection = refine(this.builder(path, options)).build();
    this._connections.push(connection);
    return connection;
  }

  /** A started connection. */
  async connected(path, options, refine) {
    const connection = this.connection(path, options, refine);
    await connection.start();
    return connection;
  }

  /** Stop a connection and see that it closed without error, and that the server noticed. */
  async stop(connection) {
    const id = connection.connectionId;
    const closed = this.closed(connection);
    await connection.stop();
    equal(await closed, undefined, 'error at close');
    if (id) await this.until(id, 'disconnected');
  }

  /** The error that `onclose` brings, undefined: none. Ask before it closes. */
  closed(connection) {
    return new Promise((resolve) => connection.onclose(resolve));
  }

  /** The arguments of the next call of `target`. */
  received(connection, target) {
    return new Promise((resolve) => connection.on(target, (...values) => resolve(values)));
  }

  /** Everything that a stream brings until it completes. Rejects with its error, which then has `items`. */
  collect(stream) {
    const items = [];
    return new Promise((resolve, reject) => {
      stream.subscribe({
        next: (item) => items.push(item),
        complete: () => resolve(items),
        error: (error) => reject(Object.assign(error, { items })),
      });
    });
  }

  /** Wait until the server has seen an event of a connection; all its events. */
  async until(connectionId, event) {
    const events = await this.page(`/events/${connectionId}?until=${event}`);
    isTrue(
      events.some((each) => each.startsWith(event)),
      `the server saw ${JSON.stringify(events)} of ${connectionId} and never '${event}'`,
    );
    return events;
  }

  /** What a page of the server answers: parsed JSON or text. */
  async page(path) {
    const answer = await fetch(this.runtime.url + path);
    equal(answer.status, 200, path);
    return (answer.headers.get('content-type') ?? '').includes('json') ? answer.json() : answer.text();
  }

  token(user = 'testuser') {
    return this.page(`/token?user=${user}`);
  }

  /** Make the client believe that the server is silent; resolves once it is back, with the new id. */
  async reconnected(connection) {
    const reconnecting = new Promise((resolve) => connection.onreconnecting(resolve));
    const reconnected = new Promise((resolve) => connection.onreconnected(resolve));
    connection.serverTimeout(); // private, as in the official suite: there is no other way to ask for it
    contains((await reconnecting).message, 'Server timeout elapsed', 'reason of the reconnect');
    return reconnected;
  }

  /** Leave nothing behind, whatever happened. */
  async end() {
    await Promise.allSettled(this._connections.map((connection) => connection.stop()));
  }
}
