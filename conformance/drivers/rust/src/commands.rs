//! What each command does.

use std::time::Duration;

use serde_json::{Value, json};
use serverswap::{Address, Call, CallError, ClientInfo, Connection, SocketMode};

use crate::answer::Refused;
use crate::codec;
use crate::driver::Driver;
use crate::fork::{exit, in_child};
use crate::output::say;
use crate::service::Service;

/// The name of the client under test.
pub(crate) const CLIENT: &str = "serverswap-rust";

impl Driver {
    /// Does a command; what its reply has besides `ok`.
    pub fn command(&mut self, command: &Value, seq: u64) -> Result<Value, Refused> {
        let word = command["cmd"].as_str().unwrap_or_default();
        match word {
            "hello" => return Ok(introduction()),
            "decode" => return codec::decode(text(command, "line")?, number(command, "fds").unwrap_or(0)),
            "encode" => return codec::encode(&command["message"]),
            "connect" => return self.connect(),
            "readyFor" => self.ready_for(command)?,
            "serving" => self.call(Call::Serving(address(command)?))?,
            "onTakedown" => self.call(Call::OnTakedown(address(command)?))?,
            "released" => self.released(address(command)?)?,
            "progress" => self.call(Call::Progress {
                address: address(command)?,
                connections: number(command, "connections"),
                cut: None,
                extend: number(command, "extendMs").map(Duration::from_millis),
            })?,
            "serverUp" => self.call(Call::ServerUp)?,
            "fail" => self.call(Call::Fail { reason: text(command, "reason")?.to_owned() })?,
            "accept" => {
                let op = text(command, "op")?.to_owned();
                self.service(&address(command)?)?.echoes.push(op);
            }
            "serve" => self.service(&address(command)?)?.serves = true,
            "stop" => self.stop(&address(command)?, text(command, "op")?.to_owned()),
            "fork" => self.fork(text(command, "op")?)?,
            "sync" => self.process()?,
            "close" => self.connection = None,
            "exit" => {
                say(&json!({"seq": seq, "ok": true}));
                exit(number(command, "code").and_then(|code| u8::try_from(code).ok()).unwrap_or(0));
            }
            other => return Err(Refused::Unknown(other.to_owned())),
        }
        Ok(json!({}))
    }

    fn connect(&mut self) -> Result<Value, Refused> {
        let client = ClientInfo { name: CLIENT.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let connection = Connection::from_env(client)?;
        let supervised = connection.is_supervised();
        self.connection = Some(connection);
        Ok(json!({"supervised": supervised}))
    }

    fn ready_for(&mut self, command: &Value) -> Result<(), Refused> {
        let address = address(command)?;
        let mode = match text(command, "socket")? {
            "bind" => SocketMode::Bind,
            _ => SocketMode::Inherit,
        };
        let more = command["more"] == true;
        self.call(Call::ReadyFor { address: address.clone(), socket: mode, more })?;
        self.claims.insert(address, text(command, "op")?.to_owned());
        Ok(())
    }

    /// Closes what there is of the listener, then lets go.
    fn released(&mut self, address: Address) -> Result<(), Refused> {
        self.granted.remove(&address);
        self.services.remove(&address);
        self.call(Call::Released(address))
    }

    fn call(&mut self, call: Call) -> Result<(), Refused> {
        Ok(self.connection()?.call(call)?)
    }

    /// The accept loop of an address, made of its listener at the first use.
    fn service(&mut self, address: &Address) -> Result<&mut Service, Refused> {
        if !self.services.contains_key(address) {
            let granted =
                self.granted.get_mut(address).ok_or(Refused::Command("the address is not granted"))?;
            let service = Service::new(address, granted.take())?;
            self.services.insert(address.clone(), service);
        }
        self.services.get_mut(address).ok_or(Refused::Command("the address is not granted"))
    }

    fn stop(&mut self, address: &Address, op: String) {
        let service = self.services.remove(address);
        self.granted.remove(address);
        std::thread::spawn(move || {
            if let Some(service) = service {
                service.stop();
            }
            say(&json!({"event": "stopped", "op": op}));
        });
    }

    fn fork(&mut self, op: &str) -> Result<(), Refused> {
        let connection = self.connection()?;
        let status = in_child(|| u8::from(connection.call(Call::ServerUp).is_err()))?;
        let forked = CallError::Forked { parent: std::process::id() };
        let code = if status == 0 { "none" } else { forked.code() };
        say(&json!({"event": "forked", "op": op, "code": code}));
        Ok(())
    }
}

fn introduction() -> Value {
    json!({
        "contract": 1,
        "client": {
            "name": CLIENT,
            "version": env!("CARGO_PKG_VERSION"),
            "language": "rust",
            "homepage": env!("CARGO_PKG_REPOSITORY"),
        },
        "protocol": [1],
        "level": 3,
        "supports": ["codec", "inherit", "serve", "fork", "reconnect", "more", "many"],
    })
}

fn text<'a>(command: &'a Value, key: &str) -> Result<&'a str, Refused> {
    command[key].as_str().ok_or(Refused::Command("a field of the command is missing"))
}

fn number(command: &Value, key: &str) -> Option<u64> {
    command[key].as_u64()
}

fn address(command: &Value) -> Result<Address, Refused> {
    Ok(text(command, "address")?.parse()?)
}
