#!/usr/bin/env php
<?php

declare(strict_types=1);

/*
 * Wraps a client of the serverswap protocol for serverswap-conformance.
 *
 * Commands come on standard input, replies and events go to standard output, one JSON object a line; logs go to standard
 * error. The words are explained in conformance/contract/v1/README.md. What is missing here is marked with "your client".
 */

// your client: require it here.

ini_set('display_errors', 'stderr');

function write(array $line): void
{
    fwrite(STDOUT, json_encode($line, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE) . "\n");
    fflush(STDOUT);
}

/** What comes of a command later: event('granted', ['op' => $op, 'address' => ':8080', 'listener' => true]). */
function event(string $kind, array $fields): void
{
    write(['event' => $kind] + $fields);
}

$commands = [
    'hello' => function (array $command): array {
        $client = ['name' => 'your-client', 'version' => '0.1.0', 'language' => 'php'];
        // level: what you claim, 0 to 3. supports: codec, inherit, serve, fork, reconnect, more, as far as you are.
        return ['contract' => 1, 'client' => $client, 'protocol' => [1], 'level' => 1, 'supports' => []];
    },
    'connect' => function (array $command): array {
        // your client: set it up from the environment, and have its outcomes call event().
        return ['supervised' => (string) getenv('SERVERSWAP_SOCKET') !== ''];
    },
    'sync' => function (array $command): array {
        // your client: process everything that is readable now, and write every event that follows, before this returns.
        return [];
    },
    'close' => function (array $command): array {
        // your client: drop it, so that its connection closes; if there is none, there is nothing to do.
        return [];
    },
    // your client: a function for each further command. A SwapException has a code of the protocol, or one of
    // already_claimed, not_held, not_inheritable, invalid_address, failed and forked. Descriptors are received by
    // socket_recvmsg of the extension `sockets`, whose `controllen` is socket_cmsg_space(SOL_SOCKET, SCM_RIGHTS, 253) and whose
    // `control` then has a Socket for each; socket_export_stream makes a stream of one. Wait for standard input and the socket
    // together: socket_export_stream and stream_select.
    //
    // 'readyFor' => function (array $command): array {
    //     claim($command['address'], $command['socket'] === 'inherit', $command['more'] ?? false);
    //     return [];
    // },
];

/** Exceptions of PHP have numbers for codes; throw this one to have a code of the protocol reported. */
final class SwapException extends RuntimeException
{
    public function __construct(public readonly string $word, string $message)
    {
        parent::__construct($message);
    }
}

function answer(array $commands, array $command): array
{
    $does = $commands[$command['cmd']] ?? null;
    if ($does === null) {
        return ['unsupported' => true, 'why' => "`{$command['cmd']}` is not written yet"];
    }
    try {
        return ['ok' => true] + $does($command);
    } catch (Throwable $error) {
        $code = $error instanceof SwapException ? $error->word : 'internal';
        return ['errored' => true, 'code' => $code, 'message' => $error->getMessage()];
    }
}

while (($line = fgets(STDIN)) !== false) {
    $command = json_decode($line, true, 64, JSON_THROW_ON_ERROR);
    write(['seq' => $command['seq']] + answer($commands, $command));
}
// your client: close everything. The end of standard input is the end of the driver, with status 0 within 2 seconds.
