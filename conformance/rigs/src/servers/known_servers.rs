//! The servers: how each is started, asked and stopped, as its own documentation says.

use rustix::process::Signal;
use serverswap_load::RequestKind;

/// A server that is to be measured.
///
/// In arguments, files and environment `{port}` is its port, `{dir}` a folder of this start, `{installed}` the folder
/// of what was installed, and `{apps}` that of the applications beside `install.sh`.
#[derive(Debug)]
pub struct Server {
    /// As the table has it.
    pub name: &'static str,
    /// The name of its program.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// Its configuration, in `{dir}`.
    pub files: &'static [(&'static str, &'static str)],
    /// How it is started so that it takes the socket that it is passed, if it can.
    pub passed: Option<Passed>,
    /// What it is asked.
    pub asked: Asked,
    /// What makes its data, programs beside its own with their arguments, before it is started for the first time.
    pub prepared_by: &'static [(&'static str, &'static [&'static str])],
    /// The signals that ask it to stop, the one of a service manager first.
    pub stops: &'static [Stop],
    /// How it can be had.
    pub source: &'static str,
}

/// What is different for a server that is passed its socket as descriptor 3.
#[derive(Debug, Clone, Copy)]
pub struct Passed {
    /// Its arguments, `{fd}` as `serverswap` has it.
    pub arguments: &'static [&'static str],
    /// Its configuration.
    pub files: &'static [(&'static str, &'static str)],
    /// Variables of its environment.
    pub environment: &'static [(&'static str, &'static str)],
}

/// What a server is asked.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// `GET /`.
    Http,
    /// One line, and how its answer begins.
    Line(&'static str, &'static str),
    /// Nothing: two of it cannot run at the same time, so there is no swap to be measured.
    Nothing,
}

/// A signal that asks a server to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// As `--stop-signal` has it.
    pub name: &'static str,
    /// The signal.
    pub signal: Signal,
}

const TERM: Stop = Stop { name: "TERM", signal: Signal::TERM };
const QUIT: Stop = Stop { name: "QUIT", signal: Signal::QUIT };
const INT: Stop = Stop { name: "INT", signal: Signal::INT };
const USR1: Stop = Stop { name: "USR1", signal: Signal::USR1 };
const USR2: Stop = Stop { name: "USR2", signal: Signal::USR2 };
const WINCH: Stop = Stop { name: "WINCH", signal: Signal::WINCH };

impl Asked {
    /// As the load has it.
    pub fn kind(self) -> Option<RequestKind> {
        match self {
            Asked::Http => Some(RequestKind::http("/")),
            Asked::Line(sent, answered) => Some(RequestKind::line(sent, answered)),
            Asked::Nothing => None,
        }
    }
}

impl Server {
    /// One that has no configuration, is passed no socket, is asked by HTTP and stopped by TERM.
    const PLAIN: Server = Server {
        name: "",
        program: "",
        arguments: &[],
        files: &[],
        passed: None,
        asked: Asked::Http,
        prepared_by: &[],
        stops: &[TERM],
        source: HERE,
    };
}

impl Passed {
    const NOTHING: Passed = Passed { arguments: &[], files: &[], environment: &[] };
}

const DEBIAN: &str = "apt-get install";
const NPM: &str = "npm install";
const PYPI: &str = "pip install";
const HERE: &str = "it comes with what the tests need";

const NGINX: &str = r#"daemon off;
worker_processes 4;
pid {dir}/pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    scgi_temp_path {dir}/scgi;
    uwsgi_temp_path {dir}/uwsgi;
    server {
        listen 127.0.0.1:{port};
        location / { return 200 "hello\n"; }
    }
}
"#;

const HAPROXY: &str = r#"defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend hello
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string "hello"
"#;

const HAPROXY_PASSED: &str = r#"defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend hello
    bind fd@3
    http-request return status 200 content-type text/plain string "hello"
"#;

const CADDY: &str = r#"{
    admin off
}
http://127.0.0.1:{port} {
    bind 127.0.0.1
    respond "hello"
}
"#;

const APACHE: &str = r#"ServerRoot {dir}
ServerName localhost
PidFile pid
ErrorLog /dev/stderr
LoadModule mpm_event_module {installed}/debian/usr/lib/apache2/modules/mod_mpm_event.so
LoadModule alias_module {installed}/debian/usr/lib/apache2/modules/mod_alias.so
LoadModule authz_core_module {installed}/debian/usr/lib/apache2/modules/mod_authz_core.so
User nobody
Group nogroup
Listen 127.0.0.1:{port}
Redirect 204 /
"#;

/// All of them, in the order of the table.
pub const SERVERS: &[Server] = &[
    Server {
        name: "nginx",
        program: "nginx",
        arguments: &["-c", "{dir}/nginx.conf", "-e", "stderr"],
        files: &[("nginx.conf", NGINX)],
        passed: Some(Passed {
            arguments: &["-c", "{dir}/nginx.conf", "-e", "stderr"],
            files: &[("nginx.conf", NGINX)],
            environment: &[("NGINX", "3;")],
        }),
        stops: &[TERM, QUIT],
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "haproxy",
        program: "haproxy",
        arguments: &["-db", "-f", "{dir}/haproxy.cfg"],
        files: &[("haproxy.cfg", HAPROXY)],
        passed: Some(Passed {
            arguments: &["-db", "-f", "{dir}/haproxy.cfg"],
            files: &[("haproxy.cfg", HAPROXY_PASSED)],
            ..Passed::NOTHING
        }),
        stops: &[TERM, USR1],
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "apache",
        program: "apache2",
        arguments: &["-D", "FOREGROUND", "-f", "{dir}/apache.conf"],
        files: &[("apache.conf", APACHE)],
        stops: &[TERM, WINCH],
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "caddy",
        program: "caddy",
        arguments: &["run", "--config", "{dir}/Caddyfile", "--adapter", "caddyfile"],
        files: &[("Caddyfile", CADDY)],
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "redis",
        program: "redis-server",
        arguments: &["--bind", "127.0.0.1", "--port", "{port}", "--save", "", "--dir", "{dir}"],
        asked: Asked::Line("PING", "+PONG"),
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "memcached",
        program: "memcached",
        arguments: &["-l", "127.0.0.1", "-p", "{port}", "-u", "nobody"],
        asked: Asked::Line("version", "VERSION"),
        stops: &[TERM, USR1],
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "socat",
        program: "socat",
        arguments: &["TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", "EXEC:cat"],
        asked: Asked::Line("hello", "hello"),
        // At TERM it calls shutdown(2) on the listener, for both versions. USR2 it does not handle.
        stops: &[TERM, USR2],
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "gunicorn",
        program: "gunicorn",
        arguments: &["--bind", "127.0.0.1:{port}", "--workers", "4", "--no-control-socket", "app:wsgi"],
        passed: Some(Passed {
            arguments: &["--workers", "4", "--no-control-socket", "app:wsgi"],
            ..Passed::NOTHING
        }),
        source: PYPI,
        ..Server::PLAIN
    },
    Server {
        name: "uvicorn",
        program: "uvicorn",
        arguments: &["--port", "{port}", "--workers", "2", "--no-access-log", "app:asgi"],
        passed: Some(Passed {
            arguments: &["--fd", "{fd}", "--workers", "2", "--no-access-log", "app:asgi"],
            ..Passed::NOTHING
        }),
        source: PYPI,
        ..Server::PLAIN
    },
    Server {
        name: "hypercorn",
        program: "hypercorn",
        arguments: &["--bind", "127.0.0.1:{port}", "--workers", "2", "app:asgi"],
        passed: Some(Passed {
            arguments: &["--bind", "fd://{fd}", "--workers", "2", "app:asgi"],
            ..Passed::NOTHING
        }),
        source: PYPI,
        ..Server::PLAIN
    },
    Server {
        name: "granian",
        program: "granian",
        arguments: &["--interface", "asgi", "--port", "{port}", "--workers", "2", "app:asgi"],
        source: PYPI,
        ..Server::PLAIN
    },
    Server {
        name: "http.server",
        program: "python3",
        arguments: &["-m", "http.server", "--bind", "127.0.0.1", "--directory", "{apps}/next", "{port}"],
        stops: &[TERM, INT],
        source: HERE,
        ..Server::PLAIN
    },
    Server {
        name: "puma",
        program: "puma",
        arguments: &["--bind", "tcp://127.0.0.1:{port}", "{apps}/config.ru"],
        passed: Some(Passed {
            arguments: &["--bind", "tcp://127.0.0.1:{port}", "{apps}/config.ru"],
            ..Passed::NOTHING
        }),
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server {
        name: "php -S",
        program: "php",
        arguments: &["-S", "127.0.0.1:{port}", "{apps}/index.php"],
        source: DEBIAN,
        ..Server::PLAIN
    },
    Server { name: "node", program: "node", arguments: &["{apps}/node.cjs"], source: HERE, ..Server::PLAIN },
    Server {
        name: "node cluster",
        program: "node",
        arguments: &["{apps}/cluster.cjs"],
        source: HERE,
        ..Server::PLAIN
    },
    Server {
        name: "express",
        program: "node",
        arguments: &["{apps}/express.cjs"],
        source: NPM,
        ..Server::PLAIN
    },
    Server {
        name: "next",
        program: "next",
        arguments: &["start", "--port", "{port}", "--hostname", "127.0.0.1", "{installed}/next"],
        source: NPM,
        ..Server::PLAIN
    },
    Server {
        name: "deno",
        program: "deno",
        arguments: &["run", "--allow-net", "--allow-env", "--no-lock", "{apps}/deno.ts"],
        source: NPM,
        ..Server::PLAIN
    },
    Server { name: "bun", program: "bun", arguments: &["{apps}/bun.ts"], source: NPM, ..Server::PLAIN },
    Server {
        name: "axum",
        program: "axum-server",
        arguments: &[],
        source: "cargo build, from `conformance/rigs/servers/real/axum`",
        ..Server::PLAIN
    },
    Server {
        name: "postgres",
        program: "postgres",
        arguments: &[
            "-D",
            "{dir}",
            "-p",
            "{port}",
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories={dir}",
        ],
        asked: Asked::Nothing,
        prepared_by: &[("initdb", &["--pgdata", "{dir}", "--no-sync"])],
        source: DEBIAN,
        ..Server::PLAIN
    },
];
