import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WorkspaceAgents } from '../../adapters/http/agents.ts';
import { createConnector, createWorkerSecureContext } from '../../adapters/http/connector.ts';
import { createEgressGuard } from '../../adapters/http/guard.ts';
import { type Origin, startOrigin } from '../support/http-origin.ts';

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

/** A server that many names lead to, so that one workspace can have many origins. */
async function open(): Promise<{
  server: Origin;
  agents: WorkspaceAgents;
  get: (workspace: string, name: string) => Promise<void>;
}> {
  const server = await startOrigin((_request, response) => response.end('ok'));
  const lookup = async (): Promise<string[]> => ['127.0.0.1'];
  const guard = createEgressGuard([server.address], () => []);
  const secureContext = createWorkerSecureContext();
  const agents = new WorkspaceAgents((hooks) =>
    createConnector({ guard, lookup, lookupListed: lookup, secureContext, ...hooks }),
  );
  opened.push(
    () => server.close(),
    () => agents.close(),
  );
  const get = async (workspace: string, name: string): Promise<void> => {
    const origin = `http://${name}.example:${server.port}`;
    const lease = agents.lease(workspace, origin);
    const { body } = await lease.dispatcher.request({ origin, path: '/', method: 'GET' });
    await body.text();
    lease.release();
  };
  return { server, agents, get };
}

describe('idle connections', () => {
  it('of one workspace stay under its limit, however many origins it visits', async () => {
    const { server, agents, get } = await open();
    for (let i = 0; i < 200; i++) {
      await get('greedy', `site${i}`);
      expect(agents.socketCount).toBeLessThanOrEqual(65);
    }
    expect(server.connections()).toBe(200);
  });

  it('give way when all of them together reach their limit, the longest unused first', async () => {
    const { server, agents, get } = await open();
    for (let workspace = 0; workspace < 8; workspace++) {
      for (let i = 0; i < 40; i++) await get(`tenant${workspace}`, `site${i}`);
      expect(agents.socketCount).toBeLessThanOrEqual(257);
    }
    const before = server.connections();
    // The last workspace has kept its connections.
    await nextTurn();
    await get('tenant7', 'site39');
    expect(server.connections()).toBe(before);
  });
});
