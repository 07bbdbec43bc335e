/**
 * Which networks a site's visitors come from. Uses an npm package that needs no Node: what a worker imports is bundled with
 * it when it is loaded. Settings (ctx.params): url.
 */
import ipaddr from 'ipaddr.js';

/** The network that an address belongs to: /24 for IPv4, /48 for IPv6. */
function networkOf(ip) {
  const address = ipaddr.process(ip);
  const bits = address.kind() === 'ipv4' ? 24 : 48;
  const { IPv4, IPv6 } = ipaddr;
  const network = (bits === 24 ? IPv4 : IPv6).networkAddressFromCIDR(`${address}/${bits}`);
  return `${network}/${bits}`;
}

/** @param {import('../../sandbox/guest/ctx.d.ts').Ctx<{ url: string }>} ctx */
export async function tick(ctx) {
  const { last: after, counts } = ctx.state.get('visits', { last: 0, counts: {} });
  const answer = await ctx.http.get(ctx.params.url, { params: { after } });
  if (answer.error !== undefined || !answer.ok) {
    ctx.log.warn(`no visits: ${answer.error ?? `status ${answer.status}`}`);
    return;
  }

  const { visits, last } = answer.json;
  for (const { ip } of visits) {
    const network = networkOf(ip);
    counts[network] = (counts[network] ?? 0) + 1;
  }
  // One value, one write: the place in the list and the counts can never disagree, whatever happens.
  ctx.state.set('visits', { last, counts });

  const [[busiest, count]] = Object.entries(counts).sort(([, a], [, b]) => b - a);
  ctx.log.info(`${visits.length} visits; most from ${busiest}: ${count}`, { networks: Object.keys(counts).length });
}
