import { describe, expect, it } from 'vitest';
import { expiryOf, LoggedOut, TOKEN_KEY, TokenStore } from '../src/tokens.ts';
import { FakeEnvironment } from './doubles.ts';

function given(lifeSeconds: number): { environment: FakeEnvironment; tokens: TokenStore; stored: string } {
  const environment = new FakeEnvironment();
  const stored = environment.token(lifeSeconds);
  environment.entries.set(TOKEN_KEY, stored);
  return { environment, tokens: new TokenStore('/api', environment), stored };
}

describe('TokenStore', () => {
  it('gives the stored token while it has life', async () => {
    const { environment, tokens, stored } = given(600);
    expect(await tokens.fresh()).toBe(stored);
    expect(environment.requests).toEqual([]);
  });

  it('renews one that is about to expire, and stores the new one', async () => {
    const { environment, tokens } = given(30);
    const renewed = environment.token(900, 'b');
    environment.answers = [Response.json({ accessToken: renewed })];
    expect(await tokens.fresh()).toBe(renewed);
    expect(environment.entries.get(TOKEN_KEY)).toBe(renewed);
    expect(environment.requests.map((request) => request.url)).toEqual(['/api/refresh']);
  });

  it('renews once for several callers', async () => {
    const { environment, tokens } = given(30);
    environment.answers = [Response.json({ accessToken: environment.token(900, 'b') })];
    const [first, second] = await Promise.all([tokens.fresh(), tokens.fresh()]);
    expect(first).toBe(second);
    expect(environment.requests).toHaveLength(1);
  });

  it('takes the token that another tab stored while this one waited', async () => {
    const { environment, tokens } = given(30);
    const other = environment.token(900, 'other');
    environment.exclusively = async (work) => {
      environment.entries.set(TOKEN_KEY, other);
      return work();
    };
    expect(await tokens.fresh()).toBe(other);
    expect(environment.requests).toEqual([]);
  });

  it('says that the log-in has ended when the refresh is refused', async () => {
    const { environment, tokens } = given(-5);
    environment.answers = [new Response('', { status: 401 })];
    await expect(tokens.fresh()).rejects.toBeInstanceOf(LoggedOut);
  });

  it('uses a token without refresh cookie to its end', async () => {
    const { environment, tokens, stored } = given(30);
    environment.answers = [new Response('', { status: 401 })];
    expect(await tokens.fresh()).toBe(stored);
  });

  it('does not take an unreachable server for an ended log-in', async () => {
    const { tokens } = given(-5);
    await expect(tokens.fresh()).rejects.toThrow('Failed to fetch');
  });

  it('renews after a 401 and asks once more', async () => {
    const { environment, tokens } = given(600);
    const renewed = environment.token(900, 'b');
    environment.answers = [
      new Response('', { status: 401 }),
      Response.json({ accessToken: renewed }),
      Response.json({ ok: true }),
    ];
    const answer = await tokens.authorizedFetch('/session');
    expect(answer.status).toBe(200);
    const last = environment.requests.at(-1);
    expect(new Headers(last?.init?.headers).get('Authorization')).toBe(`Bearer ${renewed}`);
  });

  it.each([
    ['', 0],
    ['abc', 0],
    ['a.!!.c', 0],
    [`a.${btoa('{"exp":"x"}')}.c`, 0],
    [`a.${btoa('null')}.c`, 0],
  ])('reads no time from %s', (token, expiry) => {
    expect(expiryOf(token)).toBe(expiry);
  });
});
