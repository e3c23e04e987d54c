// Doubles written by hand: a hub connection that the test drives, and a browser environment without a network.

import type { HubLink, LinkFactory, LinkOptions } from '../src/connection.ts';
import type { TokenEnvironment } from '../src/tokens.ts';

export class FakeLink implements HubLink {
  state = 'Disconnected';
  /** All calls but `ResumeEvents`, which every connect makes. */
  readonly calls: { method: string; args: unknown[] }[] = [];
  /** The positions that `ResumeEvents` was called with. */
  readonly resumes: unknown[] = [];
  /** Errors that the next starts fail with, in order; none left: success. */
  failures: Error[] = [];
  starts = 0;
  options: LinkOptions | null = null;
  refuse: (method: string) => Error | null = () => null;
  /** What a method answers; null without it. */
  answer: (method: string, args: unknown[]) => unknown | Promise<unknown> = (method) =>
    method === 'ResumeEvents' ? { position: 0, complete: true, more: false, orders: [] } : null;
  private readonly handlers = new Map<string, (...args: unknown[]) => void>();
  private reconnecting: ((error?: Error) => void)[] = [];
  private reconnected: (() => void)[] = [];
  private closed: ((error?: Error) => void)[] = [];

  readonly factory: LinkFactory = (options) => {
    this.options = options;
    return this;
  };

  async start(): Promise<void> {
    this.starts += 1;
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.state = 'Connected';
  }

  async stop(): Promise<void> {
    if (this.state === 'Disconnected') return;
    this.state = 'Disconnected';
    for (const handler of this.closed) handler();
  }

  async invoke(method: string, ...args: unknown[]): Promise<unknown> {
    if (this.state !== 'Connected')
      throw new Error("Cannot send data if the connection is not in the 'Connected' State.");
    if (method === 'ResumeEvents') this.resumes.push(args[0]);
    else this.calls.push({ method, args });
    const refusal = this.refuse(method);
    if (refusal) throw refusal;
    return this.answer(method, args);
  }

  on(target: string, handler: (...args: unknown[]) => void): void {
    this.handlers.set(target, handler);
  }

  onreconnecting(handler: (error?: Error) => void): void {
    this.reconnecting.push(handler);
  }

  onreconnected(handler: () => void): void {
    this.reconnected.push(handler);
  }

  onclose(handler: (error?: Error) => void): void {
    this.closed.push(handler);
  }

  // What the server and the network do.

  receive(target: string, ...args: unknown[]): void {
    const handler = this.handlers.get(target);
    if (!handler) throw new Error(`nobody listens to ${target}`);
    handler(...args);
  }

  lose(error = new Error('lost')): void {
    this.state = 'Reconnecting';
    for (const handler of this.reconnecting) handler(error);
  }

  comeBack(): void {
    this.state = 'Connected';
    for (const handler of this.reconnected) handler();
  }

  giveUp(error: Error | undefined): void {
    this.state = 'Disconnected';
    for (const handler of this.closed) handler(error);
  }

  methods(): string[] {
    return this.calls.map((call) => call.method);
  }
}

export class FakeEnvironment implements TokenEnvironment {
  readonly entries = new Map<string, string>();
  readonly requests: { url: string; init: RequestInit | undefined }[] = [];
  now = 1_000_000;
  answers: Response[] = [];

  readonly storage = {
    getItem: (key: string): string | null => this.entries.get(key) ?? null,
    setItem: (key: string, value: string): void => {
      this.entries.set(key, value);
    },
    removeItem: (key: string): void => {
      this.entries.delete(key);
    },
  };

  async fetch(url: string, init?: RequestInit): Promise<Response> {
    this.requests.push({ url, init });
    const answer = this.answers.shift();
    if (!answer) throw new TypeError('Failed to fetch');
    return answer;
  }

  nowSeconds(): number {
    return this.now;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  /** A token that ends so many seconds from now; unsigned, as only its time is read here. */
  token(lifeSeconds: number, mark = 'a'): string {
    const claims = btoa(JSON.stringify({ exp: this.now + lifeSeconds, mark })).replaceAll('=', '');
    return `h.${claims}.s`;
  }
}

/** Collects the DOM events of the given names. */
export class EventLog {
  readonly seen: { name: string; detail: unknown }[] = [];
  private readonly listener = (event: Event): void => {
    this.seen.push({ name: event.type, detail: (event as CustomEvent).detail });
  };

  constructor(private readonly names: string[]) {
    for (const name of names) document.addEventListener(name, this.listener);
  }

  get namesSeen(): string[] {
    return this.seen.map((event) => event.name);
  }

  close(): void {
    for (const name of this.names) document.removeEventListener(name, this.listener);
  }
}
