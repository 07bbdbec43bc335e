/**
 * Names to addresses, asked once per dial. Names that workers choose go to the DNS client with its own timeouts: the
 * system's resolver would occupy one of the process's four pool threads for as long as a dead name takes, and the node's files
 * and hashes wait for the same threads.
 */
import { Resolver, lookup as systemLookup } from 'node:dns/promises';

/** All addresses of a name. Rejects with a DNS error code such as ENOTFOUND. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

const DNS_TIMEOUT_MS = 3_000;
const DNS_TRIES = 2;

/** For names from outside. IPv4 comes first: the dialler then falls back to it where a machine has no IPv6. */
export function createLookup(): Lookup {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  return async (hostname) => {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const found = [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length === 0 && v4.status === 'rejected') throw v4.reason;
    return found;
  };
}

/** For names that the operator listed: they may stand in the hosts file or in a container network. */
export const lookupListed: Lookup = async (hostname) =>
  (await systemLookup(hostname, { all: true })).map((answer) => answer.address);
