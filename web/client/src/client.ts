// `MesChainSignalRClient`: one connection to one hub, kept open, with its groups. Knows nothing of the page's look:
// it tells `document` by DOM events, writes known element ids (gemini.ts) and calls two hooks if the page has them.
// Several hubs are several instances.

import {
  ADMIN_HUB,
  DASHBOARD_HUB,
  HUBS_OF_ROLE,
  MARKETPLACE_HUB,
  type MarketplaceCode,
  METHODS,
  type MetricName,
  TARGETS,
} from '@meschain/contracts';
import { CatchUp } from './catch-up.ts';
import { type HubLink, type LinkFactory, type Place, signalrLink } from './connection.ts';
import { dispatch, domEventOf, type HubEvents, type HubTarget, type Loose } from './events.ts';
import { isNewAlert, record, text } from './fields.ts';
import { writeConnectionStatus, writeDashboard, writeMetrics, writeSync } from './gemini.ts';
import { firstConnectDelayMs, moveDelayMs, moveRetryMs, retryDelayMs } from './retry.ts';
import { LoggedOut, TokenStore } from './tokens.ts';

const HEALTH_CHECK_MS = 30_000;
const ADMIN_ROLES = new Set(['super_admin', 'admin']);
/** Ids kept to tell doubles; more than the server keeps pending for one user. */
const REMEMBERED_NOTIFICATIONS = 1000;
/** After a fault of the server, some 15 s in all; then live events go on without what was missed. */
const RESUME_RETRIES = 4;
/** How SignalR words a fault that is none of the caller's. */
const SERVER_FAULT = 'An unexpected error';

export interface ClientOptions {
  /** Hub to enter; without it the role decides. */
  hub?: string;
  /** Metrics that the dashboard hub is asked for; `basic` without it. */
  metrics?: readonly MetricName[];
  /** Address of the API; `/api` of the page's own server without it. */
  api?: string;
  /** false: nothing happens before `start()`. */
  autoStart?: boolean;
  tokens?: TokenStore;
  /** Position up to which an earlier page has seen all events; what came since is replayed. */
  position?: number;
  /** Builds the connection; tests give their own. */
  link?: LinkFactory;
}

/** Hooks that a page may define. */
interface PageHooks {
  updateGeminiDashboard?: unknown;
  showGeminiNotification?: unknown;
}

type Listener = (payload: never) => void;

export class MesChainSignalRClient {
  readonly userId: string;
  readonly userRole: string;
  /** The hub that this client enters. */
  readonly hub: string;

  private readonly tokens: TokenStore;
  private readonly makeLink: (direct?: boolean, place?: Place | null) => HubLink;
  private link: HubLink;
  private readonly joins = new Map<string, (link: HubLink) => Promise<unknown>>();
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly catchUp = new CatchUp((target, payload) => this.handle(target as HubTarget, payload));
  private readonly shownNotifications = new Set<string>();
  private next: HubLink | null = null;
  private isMoving = false;
  private starting: Promise<void> | null = null;
  private stopped = false;
  private everConnected = false;
  private loggedOut = false;
  private wake: (() => void) | null = null;
  private healthTimer: ReturnType<typeof setInterval> | null = null;

  constructor(userId: string, userRole: string, options: ClientOptions = {}) {
    this.userId = userId;
    this.userRole = userRole;
    this.hub = options.hub ?? defaultHub(userRole);
    this.tokens = options.tokens ?? new TokenStore(options.api);
    this.makeLink = (direct = false, place = null) =>
      (options.link ?? signalrLink)({
        api: options.api ?? '/api',
        hub: options.hub ?? '',
        userId,
        userRole,
        direct,
        place,
        token: () => this.tokens.fresh(),
        nextDelayMs: (failures, reason) => this.nextDelayMs(failures, reason),
      });
    this.link = this.makeLink();
    if (options.position !== undefined) this.catchUp.startFrom(options.position);
    this.bind(this.link);
    this.joins.set('role', (link) => this.joinByRole(link, options.metrics ?? ['basic']));
    // A microtask later, so that the page can add its listeners first.
    if (options.autoStart ?? true) queueMicrotask(() => void this.start());
  }

  /** Connects and joins; the same promise while it is under way. Never rejects: the DOM events tell the outcome. */
  start(): Promise<void> {
    this.stopped = false;
    this.loggedOut = false;
    this.starting ??= this.connect().finally(() => {
      this.starting = null;
    });
    return this.starting;
  }

  /** Closes for good; `start()` opens again. */
  async disconnect(): Promise<void> {
    this.stopped = true;
    this.wake?.();
    this.stopHealthCheck();
    this.leaveNext();
    await this.link.stop();
  }

  isConnected(): boolean {
    return this.link.state === 'Connected';
  }

  /** `Connected` `Connecting` `Reconnecting` `Disconnecting` `Disconnected`, as the SignalR client names them. */
  getConnectionState(): string {
    return this.link.state;
  }

  /** Where this page stands in the order of all events, to go on from there elsewhere; null: nowhere yet. */
  get position(): number | null {
    return this.catchUp.position;
  }

  /** Listens to a hub event; the function returned stops it. Fields may be missing. */
  on<Target extends HubTarget>(target: Target, handler: (payload: Loose<HubEvents[Target]>) => void): () => void {
    const handlers = this.listeners.get(target) ?? new Set();
    this.listeners.set(target, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** Joins the admin group; again after each reconnect. */
  async subscribeToAdminUpdates(): Promise<void> {
    await this.join('role', (link) => link.invoke(METHODS.JoinAdminGroup, this.userId, this.userRole));
  }

  /** Asks for metrics; again after each reconnect. */
  async subscribeToDashboard(metrics: readonly MetricName[] = ['basic']): Promise<void> {
    const wanted = [...metrics];
    await this.join(`metrics:${wanted.join()}`, (link) =>
      link.invoke(METHODS.SubscribeToDashboard, this.userId, wanted),
    );
  }

  /** Joins a marketplace, or `all` that the user may see; again after each reconnect. */
  async joinMarketplace(marketplace: MarketplaceCode | 'all'): Promise<void> {
    await this.join(`marketplace:${marketplace}`, (link) =>
      link.invoke(METHODS.JoinMarketplaceGroup, marketplace, this.userId),
    );
  }

  /** Starts a sync; progress comes by `marketplaceSyncUpdate`. Through the admin command on the admin hub. */
  async syncMarketplace(marketplace: string): Promise<unknown> {
    return this.hub === ADMIN_HUB
      ? this.sendAdminCommand('triggerSync', { marketplace })
      : this.invoke(METHODS.SyncMarketplaceData, marketplace, { action: 'sync' });
  }

  sendAdminCommand(command: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    return this.invoke(METHODS.HandleAdminCommand, command, parameters);
  }

  /** Tells the server that the user has seen it, so that it is not sent again. */
  acknowledgeNotification(id: string): Promise<unknown> {
    return this.invoke(METHODS.AcknowledgeNotification, id);
  }

  /** Calls a hub method. Rejects with the server's text, and at once when not connected. */
  invoke(method: string, ...args: unknown[]): Promise<unknown> {
    return this.link.invoke(method, ...args);
  }

  // --- life cycle

  private async connect(): Promise<void> {
    for (let failures = 0; !this.stopped && this.link.state !== 'Connected';) {
      writeConnectionStatus(false);
      try {
        this.holdEvents();
        await this.link.start();
        break;
      } catch (error) {
        failures += 1;
        if (this.stopped || this.endsIfLoggedOut(error)) return;
        this.noteRefusal(error);
        const delay = this.everConnected ? retryDelayMs(failures - 1) : firstConnectDelayMs(failures);
        if (delay === null) {
          dispatch('signalr:connectionFailed', this.detail(error));
          return;
        }
        await this.pause(delay);
      }
    }
    if (this.stopped) return;
    const first = !this.everConnected;
    this.everConnected = true;
    await this.opened(first ? 'signalr:connected' : 'signalr:reconnected');
  }

  /** After a connect and after a reconnect alike: joins are idempotent on the server. */
  private async opened(event: 'signalr:connected' | 'signalr:reconnected'): Promise<void> {
    this.startHealthCheck();
    await this.joinAll(this.link);
    await this.resumeEvents();
    if (!this.isConnected()) return;
    writeConnectionStatus(true);
    dispatch(event, this.detail());
  }

  /** What a connection does counts while it is the one; one that is left may end as it likes. */
  private bind(link: HubLink): void {
    for (const target of TARGETS) {
      link.on(target, (...args) => this.received(link, target, args[0]));
    }
    link.onreconnecting((error) => {
      if (link !== this.link) return;
      this.leaveNext();
      this.holdEvents();
      this.stopHealthCheck();
      writeConnectionStatus(false);
      dispatch('signalr:reconnecting', this.detail(error));
    });
    link.onreconnected(() => {
      if (link === this.link) void this.opened('signalr:reconnected');
    });
    link.onclose((error) => {
      if (link === this.link) this.closed(error);
    });
  }

  /**
   * The SignalR client gave up: on our word, or because the server forbade its reconnect, with an error or without one.
   * The latter is tried anew: negotiate decides whether this log-in may come back.
   */
  private closed(error: Error | undefined): void {
    this.leaveNext();
    this.stopHealthCheck();
    writeConnectionStatus(false);
    if (!this.stopped && this.everConnected && !this.loggedOut) {
      dispatch('signalr:reconnecting', this.detail(error));
      void this.pause(retryDelayMs(0)).then(() => (this.stopped ? undefined : this.start()));
      return;
    }
    dispatch('signalr:disconnected', this.detail(error));
  }

  private nextDelayMs(failures: number, reason: Error | undefined): number | null {
    if (this.stopped || this.endsIfLoggedOut(reason)) return null;
    this.noteRefusal(reason);
    return retryDelayMs(failures);
  }

  /** The SignalR client wraps what the token factory threw, so its text is what is left of the class. */
  private endsIfLoggedOut(error: unknown): boolean {
    const ended = error instanceof LoggedOut || (error instanceof Error && error.message.includes(LOGGED_OUT_TEXT));
    if (ended && !this.loggedOut) {
      this.loggedOut = true;
      dispatch('signalr:loggedOut', this.detail(error));
      if (this.link.state === 'Disconnected') dispatch('signalr:disconnected', this.detail(error));
    }
    return ended;
  }

  /** A 401 of negotiate means that the stored token is no good before its time: renew it for the next attempt. */
  private noteRefusal(error: unknown): void {
    if (error instanceof Error && error.message.includes("Status code '401'")) this.tokens.refuse(this.tokens.current);
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // --- moves: the next connection is there before this one is left

  /** The server wants another place to hold the connection. Told twice is told once. */
  private async move(deadline: string, place: Place | null): Promise<void> {
    if (this.isMoving) return;
    this.isMoving = true;
    try {
      const end = Date.parse(deadline);
      const left = Number.isNaN(end) ? 0 : end - Date.now();
      await this.pause(moveDelayMs(left, Math.random()));
      const old = this.link;
      for (let failures = 0; this.mayMoveFrom(old); failures += 1) {
        const next = failures === 0 ? this.makeLink(true, place) : this.makeLink();
        if (await this.moveOnce(old, next)) return;
        // The server closes the old connection at the deadline, and then it is an ordinary reconnect.
        await this.pause(moveRetryMs(failures, Math.random()));
      }
    } finally {
      this.isMoving = false;
    }
  }

  private mayMoveFrom(old: HubLink): boolean {
    return !this.stopped && !this.loggedOut && this.link === old && old.state === 'Connected';
  }

  private async moveOnce(old: HubLink, next: HubLink): Promise<boolean> {
    this.bind(next);
    this.next = next;
    if (this.hearsEvents) this.catchUp.openingBeside();
    try {
      await next.start();
      await this.joinAll(next);
      if (!this.mayMoveFrom(old) || next.state !== 'Connected') throw new Error('The move was overtaken.');
      if (this.hearsEvents) {
        const answer = await this.catchUp.resume((position) => next.invoke(METHODS.ResumeEvents, position, true));
        if (answer !== null && !answer.complete) dispatch('signalr:eventsMissed', answer);
      }
      if (!this.mayMoveFrom(old) || this.next !== next) throw new Error('The move was overtaken.');
    } catch (error) {
      this.noteRefusal(error);
      if (this.next === next) this.leaveNext();
      else next.stop().catch(() => undefined);
      return false;
    }
    this.next = null;
    this.link = next;
    dispatch('signalr:moved', this.detail());
    await old.stop().catch(() => undefined);
    return true;
  }

  /** Gives up a move that is under way: the connection that there is has been lost, or is closed. */
  private leaveNext(): void {
    const next = this.next;
    this.next = null;
    if (next === null) return;
    if (this.hearsEvents) this.catchUp.opened();
    next.stop().catch(() => undefined);
  }

  // --- groups

  private joinByRole(link: HubLink, metrics: readonly MetricName[]): Promise<unknown> {
    switch (this.hub) {
      case ADMIN_HUB:
        return link.invoke(METHODS.JoinAdminGroup, this.userId, this.userRole);
      case MARKETPLACE_HUB:
        return link.invoke(METHODS.JoinMarketplaceGroup, 'all', this.userId);
      default:
        return link.invoke(METHODS.SubscribeToDashboard, this.userId, [...metrics]);
    }
  }

  private async join(key: string, call: (link: HubLink) => Promise<unknown>): Promise<void> {
    this.joins.set(key, call);
    // Not connected yet: the connect that is under way does it.
    if (!this.isConnected()) return;
    if (this.next?.state === 'Connected') call(this.next).catch(() => undefined);
    await call(this.link);
  }

  private async joinAll(link: HubLink): Promise<void> {
    for (const call of [...this.joins.values()]) {
      try {
        await call(link);
      } catch (error) {
        // A refused join leaves the others standing; a lost connection comes back by `opened`.
        console.warn('A group could not be joined.', error);
      }
    }
  }

  // --- events

  private get hearsEvents(): boolean {
    return this.hub === ADMIN_HUB || this.hub === MARKETPLACE_HUB;
  }

  private holdEvents(): void {
    if (this.hearsEvents) this.catchUp.opening();
  }

  /** Has the server replay what was missed since the last connection; on the first there is nothing to miss. */
  private async resumeEvents(): Promise<void> {
    for (let failures = 0; this.hearsEvents && this.isConnected(); failures += 1) {
      try {
        const answer = await this.catchUp.resume((position) => this.invoke(METHODS.ResumeEvents, position, true));
        if (answer !== null && !answer.complete) dispatch('signalr:eventsMissed', answer);
        return;
      } catch (error) {
        // Of a connection that was lost the next one asks. A server that cannot do it now is asked again; one that
        // refuses, or does not know the method, says so at once.
        if (!this.isConnected()) return;
        if (failures >= RESUME_RETRIES || !(error instanceof Error && error.message.includes(SERVER_FAULT))) {
          console.warn('What was missed could not be replayed.', error);
          this.catchUp.opened();
          return;
        }
        await this.pause(retryDelayMs(failures));
      }
    }
  }

  private received(link: HubLink, target: HubTarget, payload: unknown): void {
    const isNext = link === this.next;
    if (link !== this.link && !isNext) return;
    const data = record(payload);
    if (target === 'receiveNotification') this.notified(data);
    else if (target === 'serverMoving') {
      if (!isNext) void this.move(text(data.deadline), placeOf(data));
    } else this.catchUp.received(target, data, isNext);
  }

  private handle(target: HubTarget, data: Record<string, unknown>): void {
    this.guarded(() => this.write(target, data));
    this.tell(target, data);
    if (target === 'updateAdminDashboard') this.callHook('updateGeminiDashboard', data);
    if (target === 'systemAlert' && isNewAlert(data))
      this.callHook('showGeminiNotification', text(data.message), text(data.level) || 'info', data);
  }

  private write(target: HubTarget, data: Record<string, unknown>): void {
    if (target === 'updateAdminDashboard') writeDashboard(data);
    if (target === 'marketplaceSyncUpdate') writeSync(data);
    if (target === 'metricsUpdate') writeMetrics(data);
  }

  /** Shows it once, and acknowledges it when something on this page did show it. */
  private notified(data: Record<string, unknown>): void {
    const addressee = text(data.userId);
    if (addressee !== '' && addressee !== this.userId) return;
    const id = text(data.id);
    const isNew = id === '' || !this.shownNotifications.has(id);
    if (isNew) {
      if (id !== '') this.remember(id);
      const heard = this.tell('receiveNotification', data);
      const shown = this.callHook('showGeminiNotification', text(data.message), text(data.type) || 'info', data);
      if (!heard && !shown) {
        this.shownNotifications.delete(id);
        return;
      }
    }
    if (id !== '') {
      // One that fails stays pending on the server and comes again with the next connection.
      this.acknowledgeNotification(id).catch(() => undefined);
    }
  }

  /** A page may stay open for months: the oldest are forgotten, long after they were acknowledged. */
  private remember(id: string): void {
    this.shownNotifications.add(id);
    const [oldest] = this.shownNotifications;
    if (this.shownNotifications.size > REMEMBERED_NOTIFICATIONS && oldest !== undefined) {
      this.shownNotifications.delete(oldest);
    }
  }

  private tell(target: HubTarget, data: Record<string, unknown>): boolean {
    const handlers = [...(this.listeners.get(target) ?? [])];
    for (const handler of handlers) this.guarded(() => handler(data as never));
    dispatch(domEventOf(target), data);
    return handlers.length > 0;
  }

  private callHook(name: keyof PageHooks, ...args: unknown[]): boolean {
    const hook = (window as PageHooks)[name];
    if (typeof hook !== 'function') return false;
    return this.guarded(() => hook(...args));
  }

  /** The page's own handlers must not break the connection, nor each other. */
  private guarded(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      console.error('A handler of the page failed.', error);
      return false;
    }
  }

  // --- health check

  private startHealthCheck(): void {
    this.stopHealthCheck();
    this.healthTimer = setInterval(() => this.checkHealth(), HEALTH_CHECK_MS);
  }

  private stopHealthCheck(): void {
    if (this.healthTimer !== null) clearInterval(this.healthTimer);
    this.healthTimer = null;
  }

  private checkHealth(): void {
    if (!this.isConnected() || this.hub !== ADMIN_HUB || !ADMIN_ROLES.has(this.userRole)) return;
    this.sendAdminCommand('requestDashboardUpdate', { timestamp: new Date().toISOString() }).catch(() => undefined);
  }

  private detail(error?: unknown): { hub: string; error: string } {
    return { hub: this.hub, error: error instanceof Error ? error.message : '' };
  }
}

function placeOf(moving: Record<string, unknown>): Place | null {
  const [url, accessToken] = [text(moving.url), text(moving.accessToken)];
  return url === '' || accessToken === '' ? null : { url, accessToken };
}

const LOGGED_OUT_TEXT = new LoggedOut().message;

function defaultHub(role: string): string {
  const hubs: Partial<Record<string, readonly string[]>> = HUBS_OF_ROLE;
  return hubs[role]?.[0] ?? DASHBOARD_HUB;
}
