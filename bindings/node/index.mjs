/** The same instance as `require('serverswap')`. */
import serverswap from './index.cjs';

export const {
  ServerSwapError,
  fail,
  generation,
  listen,
  onTakedown,
  progress,
  readyFor,
  serverUp,
  serving,
  supervised,
} = serverswap;
export default serverswap;
