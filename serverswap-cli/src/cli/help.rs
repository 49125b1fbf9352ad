//! The parts of the help that are not about one option: usage, examples, exit statuses,
//! signals, environment.

use std::fmt::Write;

use crate::ui::EXIT_STATUSES;

pub(super) const USAGE: &str = "serverswap [OPTIONS] CMD [ARGS]...
       serverswap status [ADDRESS] [--all] [--watch] [--json] [--dir PATH]
       serverswap reload [ADDRESS]... [--json] [--dir PATH]
       serverswap logs [ADDRESS] [--follow] [--previous] [--dir PATH]
       serverswap history [ADDRESS] [--limit N] [--json] [--dir PATH]
       serverswap events [ADDRESS] [--follow] [--dir PATH]
       serverswap metrics [--listen ADDRESS] [--dir PATH]
       serverswap explain [--json] CMD [ARGS]...
       serverswap stop [ADDRESS]... [--all] [--dir PATH]
       serverswap hold [--allow-user USER]... [--dir PATH]
       serverswap completions SHELL [PROGRAM]
       serverswap man [PAGE]";

pub(super) const DEPLOY_USAGE: &str = "serverswap-deploy [OPTIONS] CMD [ARGS]...";

pub(super) const SHORT: &str = "Example: serverswap node server.js
Run it again to deploy. See --help for more.";

pub(super) const DEPLOY_SHORT: &str = "Example: serverswap-deploy node server.js
Run it again to deploy. See --help for more.";

const EXAMPLES: &str = "Examples:
  serverswap node server.js              start it; run it again to deploy
  serverswap server.js --port 8080       the same, with arguments for the server
  serverswap --ready-timeout 5m ./app    an app that takes long to start
  serverswap status --watch              what serves, with each change
  serverswap logs -f :8080               what does it print?
  serverswap history :8080               who deployed what, and what to type to go back
  serverswap explain ./app               which options does it need?
  serverswap --json ./app | jq .outcome  for scripts
  serverswap stop --all                  stop every server, when it has answered what is open";

const DEPLOY_EXAMPLES: &str = "Examples:
  serverswap-deploy node server.js                 in a service unit or a container
  serverswap-deploy --restart on-failure ./app     and restart it when it crashes
  serverswap-deploy --cwd /srv/app/current ./app   `current` is resolved at every start";

const SIGNALS: &str = "Signals:
  TERM, INT  before the server is up: terminate it; the old one keeps serving. Afterwards: exit at
             once and leave the new server running; with --stay: takedown, drain, TERM, KILL.
             Each further signal starts the next step at once.
  HUP        with --stay: start the command again, as `serverswap reload` does. Without it, and
             from a terminal that is closed: ignored.";

const ENVIRONMENT: &str = "Environment:
  SERVERSWAP_DIR      the runtime directory, unless --dir is given
  XDG_RUNTIME_DIR     where it is looked for, for users other than root
  XDG_STATE_HOME      the parent of the directory of logs, which is else /var/log/serverswap for
                      root, ~/.local/state/serverswap for others; the history is there, too
  NO_COLOR            no colour; so it is with TERM=dumb
  The server gets SERVERSWAP_SOCKET, SERVERSWAP_GENERATION, SERVERSWAP_DIR, SERVERSWAP_ARBITER and
  SERVERSWAP_ABSTRACT_SOCKET (if root starts it), and none of the variables that a service manager
  sets for us (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*, FDSTORE) or a parent that is a Node process
  (NODE_CHANNEL_*, NODE_UNIQUE_ID). With --socket it gets its own NOTIFY_SOCKET and LISTEN_*, with
  --intercept the first of these.";

const FILES: &str = "Files:
  /run/serverswap  the runtime directory of root: state.json, and the socket and the lock of the
                   arbiter. `--dir` says where that of others is
  /var/log/serverswap, ~/.local/state/serverswap
                   the logs of servers, of root and of others
  /usr/lib/systemd/system/serverswap@.service
                   a unit for a service of your own, where a package has installed it";

pub(super) const STATUS: &str = "Exit status:
  0    ADDRESS is served, or without it anything; with --watch: it was ended
  2    usage error
  3    it is not served
  125  the directory cannot be looked into

Examples:
  serverswap status                                what runs, since when, started by whom?
  serverswap status :8080                          what serves this?
  serverswap status --all --watch                  on one screen, as it changes
  serverswap status --json | jq '.addresses[0]'    for scripts";

pub(super) const RELOAD: &str = "Exit status:
  0      every deploy has succeeded
  2      usage error
  121    the new version has sent `fail`; the old one serves on
  124    it was not up in time; the old one serves on
  125    nobody could be asked, or serverswap itself failed
  1-127  any other: that of a deploy that failed

Examples:
  serverswap reload          the next generation of the only serverswap-deploy, or of each
  serverswap reload :8080    of what serves this";

pub(super) const LOGS: &str = "Exit status:
  0  shown
  2  usage error
  3  there is nothing to show

Examples:
  serverswap logs -f             what the newest server prints, as it comes
  serverswap logs --previous     what the one before it has printed
  serverswap logs :8080 | tail   the end of what the server of an address has printed";

pub(super) const EVENTS: &str = "Exit status:
  0    printed; or nobody reads any more
  2    usage error
  125  they cannot be printed, or the directory cannot be used

Examples:
  serverswap events             what has happened, one JSON object a line
  serverswap events -f :8080    and what happens at one address";

pub(super) const METRICS: &str = "Exit status:
  0    printed
  2    usage error
  125  the address cannot be listened at, or the directory cannot be looked into

Examples:
  serverswap metrics                           once, for a collector of text files
  serverswap metrics --listen 127.0.0.1:9464   for whoever asks, until it is ended";

pub(super) const EXPLAIN: &str = "Exit status:
  0  it can be swapped; the command line is printed
  2  usage error
  3  it cannot be swapped

Examples:
  serverswap explain nginx -g 'daemon off;'    with which options is it swapped?";

pub(super) const STOP: &str = "Exit status:
  0  stopped
  2  usage error
  3  no server of the directory has ADDRESS

Examples:
  serverswap stop                            the only server of the directory
  serverswap stop :8080 --drain-timeout 5m   with more time for what is open
  serverswap stop --all                      every server of the directory";

pub(super) const HISTORY: &str = "Exit status:
  0  shown
  2  usage error
  3  there is nothing to show

Examples:
  serverswap history                       the last twenty, of the whole directory
  serverswap history :8080 --limit 0       everything that concerns an address
  serverswap history --json | jq .         for scripts";

pub(super) const HOLD: &str = "Exit status:
  0    ended by INT or TERM; what serves serves on
  2    usage error
  125  it cannot be the arbiter of the directory

Examples:
  serverswap hold --dir /run/serverswap-shop   on the host; each container mounts this directory";

pub(super) const COMPLETIONS: &str = "Examples:
  serverswap completions bash > ~/.local/share/bash-completion/completions/serverswap
           for the next bash, if bash-completion is installed
  serverswap completions zsh > ~/.zfunc/_serverswap
           for zsh, if ~/.zfunc is in its fpath
  serverswap completions fish > ~/.config/fish/completions/serverswap.fish
           for fish";

pub(super) const MAN: &str = "Examples:
  serverswap man | man -l -                             the page of serverswap
  serverswap man status | man -l -                      that of one of its commands
  serverswap man --into ~/.local/share/man/man1         afterwards `man serverswap` finds it";

/// After the options of `serverswap --help`.
pub(super) fn long() -> String {
    sections(EXAMPLES)
}

/// After the options of `serverswap-deploy --help`.
pub(super) fn deploy_long() -> String {
    sections(DEPLOY_EXAMPLES)
}

fn sections(examples: &str) -> String {
    format!("{examples}\n\n{}\n{SIGNALS}\n\n{ENVIRONMENT}\n\n{FILES}", exit_statuses())
}

fn exit_statuses() -> String {
    let mut text = "Exit status:\n".to_owned();
    for (status, meaning) in EXIT_STATUSES {
        writeln!(text, "  {status:<6} {meaning}").expect("a String takes everything");
    }
    text
}
