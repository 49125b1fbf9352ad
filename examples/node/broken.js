'use strict';

// A version that breaks before it is ready. Deploying it changes nothing: the old one serves on.

console.error('broken.js: there is no database at 127.0.0.1:5432');
process.exit(1);
