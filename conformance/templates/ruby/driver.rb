#!/usr/bin/env ruby
# frozen_string_literal: true

# Wraps a client of the serverswap protocol for serverswap-conformance.
#
# Commands come on standard input, replies and events go to standard output, one JSON object a line; logs go to standard
# error. The words are explained in conformance/contract/v1/README.md. What is missing here is marked with "your client".

require "json"

# your client: require it here.

$stdout.sync = true

def write(line)
  puts JSON.generate(line)
end

# What comes of a command later: event("granted", op: op, address: ":8080", listener: true).
def event(kind, **fields)
  write({ event: kind, **fields })
end

COMMANDS = {
  "hello" => lambda do |_command|
    client = { name: "your-client", version: "0.1.0", language: "ruby" }
    # level: what you claim, 0 to 3. supports: codec, inherit, serve, fork, reconnect, more, as far as you are.
    { contract: 1, client: client, protocol: [1], level: 1, supports: [] }
  end,

  "connect" => lambda do |_command|
    # your client: set it up from the environment, and have its outcomes call event.
    { supervised: !ENV.fetch("SERVERSWAP_SOCKET", "").empty? }
  end,

  "sync" => lambda do |_command|
    # your client: process everything that is readable now, and write every event that follows, before this returns.
    {}
  end,

  "close" => lambda do |_command|
    # your client: drop it, so that its connection closes; if there is none, there is nothing to do.
    {}
  end

  # your client: a function for each further command. An error with a method `code`, which is a code of the protocol or
  # one of already_claimed, not_held, not_inheritable, invalid_address, failed and forked, is reported with it.
  # Lines with their descriptors are received by UNIXSocket#recvmsg_nonblock(65_536, 0, 4096, scm_rights: true), whose last value has
  # them as `unix_rights` (recv_io takes one without its line). TCPServer.for_fd(io.fileno) and UNIXServer.for_fd make listeners of
  # them; `io.autoclose = false` keeps the collector from closing the descriptor under those.
  #
  # "readyFor" => lambda do |command|
  #   claim(command["address"], inherit: command["socket"] == "inherit", more: command["more"] || false)
  #   {}
  # end,
}.freeze

def answer(command)
  does = COMMANDS[command["cmd"]]
  return { unsupported: true, why: "`#{command["cmd"]}` is not written yet" } unless does

  { ok: true, **does.call(command) }
rescue StandardError => e
  { errored: true, code: e.respond_to?(:code) ? e.code : "internal", message: e.message }
end

while (line = $stdin.gets)
  command = JSON.parse(line)
  write({ seq: command["seq"], **answer(command) })
end
# your client: close everything. The end of standard input is the end of the driver, with status 0 within 2 seconds.
