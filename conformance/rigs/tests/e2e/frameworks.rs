//! The pages of `docs/` whose programs need packages of npm and PyPI: they are there when those of Node and Python are tested.

use crate::Outcome;
use crate::typed::Reader;

/// A reader in whose folder these packages of npm are installed: each as it is called here, and there.
fn with_packages(packages: &[(&str, &str)]) -> Result<Reader, Box<dyn std::error::Error>> {
    let reader = Reader::new()?;
    let installed = reader.repository().join("bindings/node/test/outside/node_modules");
    reader.has_package("serverswap", &reader.repository().join("bindings/node"))?;
    for (name, there) in packages {
        reader.has_package(name, &installed.join(there))?;
    }
    Ok(reader)
}

/// A reader in whose virtual environment the Python package is installed.
fn with_environment() -> Result<Reader, Box<dyn std::error::Error>> {
    let mut reader = Reader::new()?;
    let folder = reader.sandbox.programs().python().parent().ok_or("no folder")?.display().to_string();
    // The commands of the package are those that are tested.
    let ours = format!("{}/bin:{0}/target/release", reader.clone().display());
    reader.state = format!("PATH={ours}:{folder}:$PATH\n");
    Ok(reader)
}

#[tokio::test]
async fn what_the_page_about_node_shows() -> Outcome {
    let packages = [("express", "express-newest"), ("fastify", "fastify-newest")];
    with_packages(&packages)?.reads("docs/node.md", None).await
}

#[tokio::test]
#[ignore = "`make servers` installs Next.js, and runs this"]
async fn what_the_page_about_node_shows_of_next() -> Outcome {
    let servers = std::env::var("SERVERSWAP_SERVERS")?;
    let servers = std::path::Path::new(&servers);
    let reader = with_packages(&[])?;
    for name in ["next", "react", "react-dom"] {
        reader.has_package(name, &servers.join("node_modules").join(name))?;
    }
    for name in ["package.json", "pages", ".next"] {
        std::os::unix::fs::symlink(servers.join("next").join(name), reader.clone().join(name))?;
    }
    let mut reader = reader;
    reader.reads("docs/node.md", Some("make servers")).await
}

#[tokio::test]
async fn what_the_page_about_python_shows() -> Outcome {
    with_environment()?.reads("docs/python.md", None).await
}

/// Takes the sockets of systemd's convention, as many as there are.
const ACTIVATED: &str = "#!/usr/bin/env node
const server = () => require('node:http').createServer((request, response) => response.end('Hello\\n'));
for (let number = 0; number < process.env.LISTEN_FDS; number++) server().listen({ fd: 3 + number });
";

/// For gunicorn, and for uvicorn.
const APPLICATION: &str = "def application(environ, start_response):
    start_response('200 OK', [('Content-Length', '6')])
    return [b'Hello\\n']


async def app(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'6')]})
    await send({'type': 'http.response.body', 'body': b'Hello\\n'})
";

#[tokio::test]
async fn what_the_page_about_passed_sockets_shows() -> Outcome {
    let mut reader = with_environment()?;
    reader.writes("server", ACTIVATED)?;
    reader.writes("app.py", APPLICATION)?;
    reader.reads("docs/sockets.md", None).await
}

#[tokio::test]
async fn what_the_page_about_passed_sockets_shows_of_adopt() -> Outcome {
    let mut reader = with_environment()?;
    reader.has_a_server()?;
    reader.writes("app.py", APPLICATION)?;
    let bind = reader.with_ports("[::]:8080");
    let gunicorn = reader.sandbox.programs().python().with_file_name("gunicorn");
    let command = reader.sandbox.command(&gunicorn, ["--bind", &bind, "app:application"]);
    let mut serving = command.within(&reader.clone()).start()?;
    serving.says("Listening at").await?;
    reader.reads("docs/sockets.md", Some("what_the_page_about_passed_sockets_shows_of_adopt")).await?;
    assert_eq!(serving.exit().await?.status, 0, "{}", serving.stderr());
    Ok(())
}

#[tokio::test]
async fn what_the_page_about_unmodified_servers_shows() -> Outcome {
    with_environment()?.reads("docs/intercept.md", None).await
}
