/** What a claim shows of the node's lease. */
export interface LeaseGuard {
  /** Group, epoch and holder of the lease that must be held. */
  proof(): readonly [group: string, epoch: bigint, holder: string];
}
