import { HttpClient, HttpResponse, type HttpRequest } from '@microsoft/signalr';
import { describe, expect, it } from 'vitest';
import { NegotiatingClient, type Place } from '../src/connection.ts';

const OURS = 'https://panel.example.com/api/negotiate';
const THEIRS = 'https://green.example.com/client/negotiate?hub=x&negotiateVersion=1';

class Network extends HttpClient {
  readonly sent: HttpRequest[] = [];

  override async send(request: HttpRequest): Promise<HttpResponse> {
    this.sent.push(request);
    return new HttpResponse(200, 'OK', '{"connectionId":"c"}');
  }
}

interface Asked {
  network: Network;
  answers: unknown[];
  /** Whether the place was known before each request. */
  known: boolean[];
}

async function ask(direct: boolean, place: Place | null = null): Promise<Asked> {
  const network = new Network();
  const client = new NegotiatingClient(OURS, { 'x-user-id': 'own:1' }, direct, place, network);
  const answers: unknown[] = [];
  const known: boolean[] = [];
  for (const url of [`${OURS}?negotiateVersion=1`, THEIRS, `${OURS}?negotiateVersion=1`, THEIRS]) {
    known.push(client.knowsItsPlace);
    const answer = await client.send({ url, method: 'POST', headers: {} });
    answers.push(JSON.parse(answer.content as string));
  }
  return { network, answers, known };
}

describe('negotiating', () => {
  it('asks ours and the place that ours names', async () => {
    const { network, answers } = await ask(false);
    expect(network.sent.length).toBe(4);
    expect(answers).toEqual(Array(4).fill({ connectionId: 'c' }));
    expect(network.sent.map((each) => each.headers?.['x-user-id'])).toEqual(['own:1', undefined, 'own:1', undefined]);
  });

  it('directly asks ours alone, once: the place is taken to speak WebSockets, with no id', async () => {
    const { network, answers } = await ask(true);
    expect(network.sent.map((each) => each.url)).toEqual([
      `${OURS}?negotiateVersion=1`,
      `${OURS}?negotiateVersion=1`,
      THEIRS,
    ]);
    expect(answers[1]).toEqual({
      availableTransports: [{ transport: 'WebSockets', transferFormats: ['Text', 'Binary'] }],
    });
  });

  it('to a place that is known asks nobody, once', async () => {
    const place = { url: 'https://blue.example.com/client/?hub=x', accessToken: 't' };
    const { network, answers, known } = await ask(true, place);
    expect(answers[0]).toEqual(place);
    expect(known).toEqual([true, false, false, false]);
    expect(network.sent.map((each) => each.url)).toEqual([`${OURS}?negotiateVersion=1`, THEIRS]);
  });
});
