/** The same instance as `require('serverswap')`, and the same types. */
export * from './index.cjs';

import * as serverswap from './index.cjs';
export default serverswap;
