/**
 * Which ports a worker may talk to. The web lives on 80, 443 and high ports; the low ones carry mail, shells and file
 * shares, and some high ones databases and control planes that answer a crafted HTTP request with harm. The second list joins
 * the Fetch standard's bad ports above 1024 with services that people leave open.
 */
const SERVICE_PORTS: ReadonlySet<number> = new Set([
  // https://fetch.spec.whatwg.org/#port-blocking
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
  // Databases, caches and queues.
  1433, 1521, 1883, 3306, 5432, 5433, 5671, 5672, 5984, 6379, 6380, 7000, 7001, 9042, 9092, 9200, 9300, 11211, 15672,
  26379, 27017, 27018, 27019,
  // Control planes of containers, clusters and machines.
  2181, 2375, 2376, 2377, 2379, 2380, 3389, 4243, 4369, 5900, 5901, 5985, 5986, 6443, 8500, 10250, 10255, 10256,
]);

export function isAllowedPort(port: number): boolean {
  return port === 80 || port === 443 || (port >= 1024 && port <= 65_535 && !SERVICE_PORTS.has(port));
}
