/** `runtime config schema`: the JSON Schema of the configuration file. */
import { configJsonSchema } from '../../config/json-schema.ts';
import type { Output } from '../output.ts';

/** The text that `runtime config schema` prints and `runtime init` writes beside the configuration. */
export function schemaText(): string {
  return JSON.stringify(configJsonSchema(), null, 2);
}

export async function schemaCommand(output: Output): Promise<number> {
  output.line(schemaText());
  return 0;
}
