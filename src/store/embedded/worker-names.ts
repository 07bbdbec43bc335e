/** Workers are small numbers in the record tables; this is where they have names. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export const NAME_TABLES = 'CREATE TABLE names (id INTEGER PRIMARY KEY, worker TEXT NOT NULL UNIQUE) STRICT;';

export class WorkerNames {
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #find: StatementSync;
  readonly #create: StatementSync;
  readonly #delete: StatementSync;
  readonly #name: StatementSync;

  constructor(database: DatabaseSync) {
    this.#find = database.prepare('SELECT id FROM names WHERE worker = ?');
    this.#create = database.prepare('INSERT INTO names (worker) VALUES (?) RETURNING id');
    this.#delete = database.prepare('DELETE FROM names WHERE id = ?');
    this.#name = database.prepare('SELECT worker FROM names WHERE id = ?');
  }

  idOf(worker: string): number {
    return this.find(worker) ?? this.#remember(worker, Number(this.#create.get(worker)?.id));
  }

  find(worker: string): number | undefined {
    const known = this.#ids.get(worker);
    if (known !== undefined) return known;
    const row = this.#find.get(worker);
    return row === undefined ? undefined : this.#remember(worker, Number(row.id));
  }

  nameOf(id: number): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const worker = String(this.#name.get(id)?.worker ?? '');
    this.#remember(worker, id);
    return worker;
  }

  forget(worker: string): void {
    const id = this.find(worker);
    if (id === undefined) return;
    this.#delete.run(id);
    this.#ids.delete(worker);
    this.#names.delete(id);
  }

  /** After a failed transaction: what was remembered may never have been written. */
  reload(): void {
    this.#ids.clear();
    this.#names.clear();
  }

  #remember(worker: string, id: number): number {
    this.#ids.set(worker, id);
    this.#names.set(id, worker);
    return id;
  }
}
