/** A node with one cell behind the wall of the given level, to be killed: it says the arguments of the cell, and `ready`. */
import { CellProcess } from '../../src/supervisor/cell-process.ts';
import { chooseWall } from '../../src/supervisor/jail.ts';
import { say } from './say.ts';
import { probeBehind } from './walls.ts';

const [searchPath = '', mark = ''] = process.argv.slice(2);
const wall = await chooseWall({
  mode: 'auto',
  searchPath,
  log: () => undefined,
  signal: new AbortController().signal,
});
const cell = new CellProcess(probeBehind(wall, { file: mark }, 'stay'), {
  onMessage: () => say(`${wall.level} ${cell.pid}`),
  onClosed: (reason) => say(reason),
});
