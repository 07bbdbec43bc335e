/** What was opened, closed in reverse order. Every step runs even if one fails; the failures come out together. */
export class CleanupStack {
  #steps: { name: string; close: () => Promise<void> | void }[] = [];

  push(name: string, close: () => Promise<void> | void): void {
    this.#steps.push({ name, close });
  }

  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.close();
      } catch (error) {
        failures.push(new Error(`closing ${step.name} failed`, { cause: error }));
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, 'several parts failed to close');
  }
}
