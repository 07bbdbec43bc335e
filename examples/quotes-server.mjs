/**
 * The world outside, small enough to run offline: prices, web sites that are sometimes down, and visitors. Started as a
 * sidecar by runtime.yaml; listens on 127.0.0.1 only; ends with its stdin or on SIGTERM.
 *
 *   GET /health                  ready
 *   GET /price?symbol=BTC        { symbol, price, at }    a wave of 40 s around 100, with a little noise
 *   GET /site/shop               always up
 *   GET /site/blog               down for one request in five
 *   GET /visits?after=17         { visits: [{ id, ip, path }], last }
 */
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? 8731);
const PATHS = ['/', '/prices', '/about', '/docs', '/docs/start'];
const NETWORKS = ['198.51.100.', '203.0.113.', '192.0.2.', '2001:db8:7::', '2001:db8:9::'];

let seed = 20_260_101;
/** Numbers from 0 to 1 that are the same in every run. */
function random() {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

const startedAt = Date.now();
let blogRequests = 0;
let lastVisit = 0;

function price(symbol) {
  const seconds = (Date.now() - startedAt) / 1_000;
  const base = symbol === 'ETH' ? 10 : 100;
  const wave = Math.sin((seconds / 40) * 2 * Math.PI) * base * 0.04;
  return Number((base + wave + (random() - 0.5) * base * 0.004).toFixed(2));
}

function visits(after) {
  const found = [];
  if (after > lastVisit) lastVisit = after;
  for (let count = 3 + Math.floor(random() * 5); count > 0; count--) {
    const network = NETWORKS[Math.floor(random() ** 2 * NETWORKS.length)] ?? '192.0.2.';
    const ip = network + (1 + Math.floor(random() * 200));
    found.push({ id: ++lastVisit, ip, path: PATHS[Math.floor(random() * PATHS.length)] });
  }
  return { visits: found, last: lastVisit };
}

function answer(url) {
  switch (url.pathname) {
    case '/health':
      return [200, { ok: true }];
    case '/price': {
      const symbol = url.searchParams.get('symbol') ?? 'BTC';
      return [200, { symbol, price: price(symbol), at: new Date().toISOString() }];
    }
    case '/site/shop':
      return [200, { title: 'Shop' }];
    case '/site/blog':
      blogRequests += 1;
      return blogRequests % 5 === 0 ? [503, { error: 'down for maintenance' }] : [200, { title: 'Blog' }];
    case '/visits':
      return [200, visits(Number(url.searchParams.get('after') ?? 0) || 0)];
    default:
      return [404, { error: 'no such page' }];
  }
}

const server = createServer((request, response) => {
  const [status, body] = answer(new URL(request.url ?? '/', 'http://127.0.0.1'));
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});

function end() {
  server.close();
  server.closeAllConnections();
  process.stdin.destroy();
}

server.listen(port, '127.0.0.1', () => console.log(`quotes at http://127.0.0.1:${port}`));
process.once('SIGTERM', end);
process.stdin.on('end', end).resume();
