import { describe, expect, it } from 'vitest';
import { createEchoAdapter } from '../../adapters/echo/adapter.ts';
import { createHttpAdapter } from '../../adapters/http/adapter.ts';
import { createBuiltInAdapters, notConnectedMessage, unconnectedAdapters } from '../../adapters/index.ts';
import { callAdapter } from '../support/adapter-call.ts';
import { startExchange } from '../support/exchange.ts';
import { createExchangeAdapter } from '../support/exchange-adapter.ts';
import { startOrigin } from '../support/http-origin.ts';
import { describeAdapter } from './adapter.contract.ts';

describeAdapter('echo', ['say'], {
  open: async () => ({ adapter: createEchoAdapter(), inputs: { say: { text: 'hi', times: 2 } } }),
});

describeAdapter('http', ['get', 'post', 'fetch'], {
  async open() {
    const server = await startOrigin((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"ok":true}');
    });
    return {
      adapter: createHttpAdapter({ allowPrivate: [server.address] }),
      inputs: {
        get: { url: server.url, params: { a: 1 }, headers: null, timeout: null },
        post: { url: server.url, json: { a: 1 }, timeoutMs: 1_000 },
        fetch: { url: server.url, method: 'delete', timeout: 1.5 },
      },
      close: () => server.close(),
    };
  },
});

// The smallest one with a durable capability.
describeAdapter('exchange', ['place', 'cancel', 'orders'], {
  async open() {
    const exchange = await startExchange();
    return {
      adapter: createExchangeAdapter(exchange.url),
      inputs: { place: { symbol: 'BTC', quantity: 2 }, cancel: { order: 1 }, orders: { symbol: 'BTC' } },
      close: () => exchange.close(),
    };
  },
});

describe('the echo adapter', () => {
  it('gives a worker its own words back', async () => {
    expect(await callAdapter(createEchoAdapter(), 'say', { text: 'ab', times: 2 })).toEqual({
      text: 'abab',
      worker: 'default/tester',
      tick: 1,
    });
  });
});

describe('the table of adapter names', () => {
  it('has http built in', async () => {
    const adapters = createBuiltInAdapters({});
    expect(adapters.map((adapter) => adapter.name)).toEqual(['http']);
    for (const adapter of adapters) await adapter.close?.();
  });

  it('knows the names that need something connected and says for each what to do', () => {
    const missing = unconnectedAdapters([createEchoAdapter()]);
    expect(Object.keys(missing)).toEqual(['monitor', 'bybit', 'ig', 'telegram', 'files', 'llm']);
    expect(missing.telegram).toBe(
      'ctx.telegram (messages through a Telegram bot) is not connected: it is not available in this version. A program that embeds the engine can supply it as an adapter named "telegram".',
    );
  });

  it('leaves out what an embedder supplies', () => {
    expect(unconnectedAdapters([{ name: 'llm', capabilities: {} }])).not.toHaveProperty('llm');
  });

  it('has a sentence for a name that it does not know', () => {
    expect(notConnectedMessage('constructor')).toContain('ctx.constructor is not connected');
  });
});
