/**
 * The epoch that follows another one, as SQL: one more, or the time of the database in microseconds since 1970 where that is more. A
 * database that was put back, or a replica that lacked the last claims, has forgotten which epochs were granted; its clock has not, so none
 * is granted a second time while an owner of it may still run.
 */
export const nextEpoch = (before: string): string =>
  `greatest(${before} + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`;
