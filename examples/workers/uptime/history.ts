/** What is kept of a site. Plain data, since it lives in ctx.state. */
export interface History {
  readonly checks: number;
  readonly up: number;
  readonly isUp: boolean;
}

export const EMPTY: History = { checks: 0, up: 0, isUp: true };

export function record(history: History, isUp: boolean): History {
  return { checks: history.checks + 1, up: history.up + (isUp ? 1 : 0), isUp };
}

export function percent({ checks, up }: History): string {
  return `${((100 * up) / checks).toFixed(1)} %`;
}
