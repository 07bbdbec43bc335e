import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openCanaries } from './canaries.ts';

it('whatever is touched from inside is told once, and nothing is left behind', async () => {
  const canaries = await openCanaries();
  onTestFinished(() => canaries.close());
  expect(canaries.touched()).toEqual([]);
  writeFileSync(join(canaries.sentinelFolder, 'reached'), '');
  const socket = connect(canaries.port, '127.0.0.1');
  await once(socket, 'close');
  expect(canaries.touched()).toEqual(['a file was written: reached', '1 connections to the canary port']);
  expect(canaries.touched()).toEqual([]);
  expect(canaries.env['TICK_RUNTIME_CANARY']).toBe(readFileSync(canaries.secretFile, 'utf8'));
  canaries.close();
  expect(existsSync(canaries.folder)).toBe(false);
});
