/** Asks web sites whether they are up and keeps how often they were. Settings (ctx.params): sites, name → URL. */
// Beside your own workers, `npx runtime types` writes this file: import type { Ctx } from './ctx.js';
import type { Ctx } from '../../../sandbox/guest/ctx.d.ts';
import { EMPTY, type History, percent, record } from './history.ts';

type UptimeCtx = Ctx<{ readonly sites: Readonly<Record<string, string>> }>;

export async function tick(ctx: UptimeCtx) {
  const sites = Object.entries(ctx.params.sites);
  await Promise.all(sites.map(([name, url]) => check(ctx, name, url)));
}

async function check(ctx: UptimeCtx, name: string, url: string) {
  const answer = await ctx.http.get(url, { timeoutMs: 2_000 });
  const isUp = answer.ok === true;
  const before = ctx.state.get<History>(name, EMPTY);
  const after = record(before, isUp);
  ctx.state.set(name, after);

  if (before.isUp !== isUp && before.checks > 0) {
    const why = answer.error ?? `status ${answer.status}`;
    if (isUp) ctx.log.info(`${name} is up again`);
    else ctx.log.warn(`${name} is down: ${why}`);
  }
  ctx.log.debug(`${name} ${percent(after)} of ${after.checks} checks`);
}
