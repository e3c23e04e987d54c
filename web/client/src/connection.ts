// The one file that touches @microsoft/signalr: builds a hub connection whose address is `/api`, so that each connect and
// each reconnect passes POST /api/negotiate with a fresh token and follows the redirect that it answers.

import {
  DefaultHttpClient,
  HttpClient,
  type HttpRequest,
  type HttpResponse,
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

export interface LinkOptions {
  /** Address of the API, `/api`. */
  api: string;
  /** Hub asked for; empty: the role decides. */
  hub: string;
  userId: string;
  userRole: string;
  token(): Promise<string>;
  /** Milliseconds until the next attempt, or null to give up. */
  nextDelayMs(failures: number, reason: Error | undefined): number | null;
}

export type LinkFactory = (options: LinkOptions) => HubLink;

/** Adds the two headers of the older contract to our own negotiate; the server compares them with the token. */
class NegotiatingClient extends HttpClient {
  private readonly inner = new DefaultHttpClient(NullLogger.instance);

  constructor(
    private readonly negotiateUrl: string,
    private readonly identity: Record<string, string>,
  ) {
    super();
  }

  override send(request: HttpRequest): Promise<HttpResponse> {
    if (request.url?.startsWith(this.negotiateUrl)) {
      request.headers = { ...request.headers, ...this.identity };
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
  return new HubConnectionBuilder()
    .withUrl(address, {
      accessTokenFactory: () => options.token(),
      httpClient: new NegotiatingClient(
        `${base}/negotiate`,
        headerSafe({ 'x-user-id': options.userId, 'x-user-role': options.userRole }),
      ),
    })
    .withAutomaticReconnect({
      nextRetryDelayInMilliseconds: (context) => options.nextDelayMs(context.previousRetryCount, context.retryReason),
    })
    .configureLogging(LogLevel.None)
    .build();
};
