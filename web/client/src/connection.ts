// The one file that touches @microsoft/signalr: builds a hub connection whose address is `/api`, so that each connect and
// each reconnect passes POST /api/negotiate with a fresh token and follows the redirect that it answers, unless the place
// is known.

import {
  DefaultHttpClient,
  HttpClient,
  type HttpRequest,
  HttpResponse,
  HubConnectionBuilder,
  LogLevel,
  NullLogger,
} from '@microsoft/signalr';

/** What the client uses of a hub connection; tests give their own. */
export interface HubLink {
  readonly state: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  invoke(method: string, ...args: unknown[]): Promise<unknown>;
  on(target: string, handler: (...args: unknown[]) => void): void;
  onreconnecting(handler: (error?: Error) => void): void;
  onreconnected(handler: () => void): void;
  onclose(handler: (error?: Error) => void): void;
}

/** A hub's address and a token for it, as negotiate answers them. */
export interface Place {
  readonly url: string;
  readonly accessToken: string;
}

export interface LinkOptions {
  /** Address of the API, `/api`. */
  api: string;
  /** Hub asked for; empty: the role decides. */
  hub: string;
  userId: string;
  userRole: string;
  /**
   * Open the socket without asking its place what it speaks, at the first connect; one that fails, because there are no
   * sockets on the way or because the place refuses, goes the whole way at the next attempt.
   */
  direct: boolean;
  /** Where the first connect goes without asking negotiate; null: it asks. */
  place: Place | null;
  token(): Promise<string>;
  /** Milliseconds until the next attempt, or null to give up. */
  nextDelayMs(failures: number, reason: Error | undefined): number | null;
}

export type LinkFactory = (options: LinkOptions) => HubLink;

/** What a place that speaks WebSockets says of itself. Without an id, the connection is made by the socket's request. */
const WEB_SOCKETS = JSON.stringify({
  availableTransports: [{ transport: 'WebSockets', transferFormats: ['Text', 'Binary'] }],
});

/** Adds the two headers of the older contract to our own negotiate; the server compares them with the token. */
export class NegotiatingClient extends HttpClient {
  constructor(
    private readonly negotiateUrl: string,
    private readonly identity: Record<string, string>,
    private direct: boolean,
    private place: Place | null = null,
    private readonly inner: HttpClient = new DefaultHttpClient(NullLogger.instance),
  ) {
    super();
  }

  /** Whether the next connect goes where it was told, and so needs no token of ours. */
  get knowsItsPlace(): boolean {
    return this.place !== null;
  }

  override send(request: HttpRequest): Promise<HttpResponse> {
    if (request.url?.startsWith(this.negotiateUrl)) {
      const { place } = this;
      this.place = null;
      if (place !== null) return Promise.resolve(new HttpResponse(200, 'OK', JSON.stringify(place)));
      request.headers = { ...request.headers, ...this.identity };
    } else if (this.direct) {
      // The first request after ours: it asks the place that ours named.
      this.direct = false;
      return Promise.resolve(new HttpResponse(200, 'OK', WEB_SOCKETS));
    }
    return this.inner.send(request);
  }
}

/** A header may hold Latin-1 only; the server compares ids, and ids of other kinds are left to the token. */
function headerSafe(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => /^[\x21-\x7e]+$/.test(value)));
}

export const signalrLink: LinkFactory = (options) => {
  const base = new URL(options.api, document.baseURI).href;
  const address = options.hub === '' ? base : `${base}?hub=${encodeURIComponent(options.hub)}`;
  const negotiating = new NegotiatingClient(
    `${base}/negotiate`,
    headerSafe({ 'x-user-id': options.userId, 'x-user-role': options.userRole }),
    options.direct,
    options.place,
  );
  return new HubConnectionBuilder()
    .withUrl(address, {
      // Asked before each negotiate: a page that is open for long would renew its log-in for nothing.
      accessTokenFactory: () => (negotiating.knowsItsPlace ? '' : options.token()),
      httpClient: negotiating,
    })
    .withAutomaticReconnect({
      nextRetryDelayInMilliseconds: (context) => options.nextDelayMs(context.previousRetryCount, context.retryReason),
    })
    .configureLogging(LogLevel.None)
    .build();
};
