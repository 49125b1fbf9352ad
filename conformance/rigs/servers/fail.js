'use strict';

// A server that finds out by itself that it must not serve.

require('../../../bindings/node').fail('the database is older than this version');
