/** Path of redis-server; undefined where it is not installed. */
export function findRedis(): string | undefined;
/** Folder that holds initdb and postgres; undefined where there is none. */
export function findPostgres(): string | undefined;
/** Installs what is missing where it can; one line that says what to do where tests cannot run without it. */
export function ensureServers(): string | undefined;
