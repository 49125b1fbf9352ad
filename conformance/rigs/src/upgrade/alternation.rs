//! The deploys in turn, the kills, the end.

use std::time::Duration;

use rustix::process::Signal;
use serverswap_protocol::Address;
use serverswap_protocol::message::Form;
use tokio::time::{Instant, interval};

use super::builds::{Build, Builds};
use super::{UpgradeError, Upgraded};
use serverswap_conformance::recording::complaints;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, SandboxError, Started, free_address};
use serverswap_load::{Load, Phase, Plan, Slot, Tally, Target};

/// What a supervisor that stays says once its server is up, in every build.
const UP: &str = "up after";

/// Good answers between two deploys.
const ANSWERS: u64 = 300;

/// Five in a circle, while the builds take turns: within ten deploys every form comes after every
/// other one in both directions.
const FORMS: [Form; 5] = [Form::Stay, Form::Stay, Form::Leave, Form::Leave, Form::Stay];

/// How often it is looked whether everything else has ended; nothing tells.
const PACE: Duration = Duration::from_millis(20);

/// One run under way.
pub(super) struct Play<'a> {
    sandbox: &'a Sandbox,
    builds: &'a Builds,
    address: Address,
    serving: Serving,
    load: Load,
    upgraded: Upgraded,
}

/// Whose server serves, and the command that started it, if it has stayed.
struct Serving {
    build: Build,
    command: Option<Started>,
}

impl<'a> Play<'a> {
    /// The other build serves, under load.
    pub(super) async fn begin(sandbox: &'a Sandbox, builds: &'a Builds) -> Result<Play<'a>, UpgradeError> {
        let address = free_address();
        let mut command = builds.deploy(sandbox, Build::Other, Form::Stay, &address).start()?;
        command.says(UP).await?;
        let target = Target::try_from(&address).expect("a free address is on the loopback");
        let mut load = Load::start(Plan::new(target, clients()))?;
        load.more_answers(ANSWERS, LIMIT).await?;
        let upgraded = Upgraded {
            builds: builds.clone(),
            forth: 0,
            back: 0,
            killed: Vec::new(),
            tally: Tally::default(),
            wrong: Vec::new(),
        };
        let serving = Serving { build: Build::Other, command: Some(command) };
        Ok(Play { sandbox, builds, address, serving, load, upgraded })
    }

    pub(super) async fn until_the_end(mut self, deploys: u32) -> Result<Upgraded, UpgradeError> {
        for number in 0..deploys {
            // The forms have a round without a kill first.
            if number >= deploys / 2 {
                self.kill_the_arbiter().await?;
            }
            let is_good = self.deploy(FORMS[number as usize % FORMS.len()]).await?;
            if !is_good {
                break;
            }
        }
        self.nothing_else_is_left().await;
        self.upgraded.wrong.extend(complaints(&self.sandbox.recording()));
        self.upgraded.tally = self.load.stop();
        Ok(self.upgraded)
    }

    /// Kills the supervisor that has stayed, which is the only one and so the arbiter, once for each build.
    async fn kill_the_arbiter(&mut self) -> Result<(), UpgradeError> {
        if let Some(command) = &mut self.serving.command
            && !self.upgraded.killed.contains(&self.serving.build)
        {
            command.signal(Signal::KILL);
            command.exit().await?;
            self.serving.command = None;
            self.upgraded.killed.push(self.serving.build);
            self.load.more_answers(ANSWERS, LIMIT).await?;
        }
        Ok(())
    }

    /// The other one of the two takes over; whether it has.
    async fn deploy(&mut self, form: Form) -> Result<bool, UpgradeError> {
        let build = match self.serving.build {
            Build::Other => Build::This,
            Build::This => Build::Other,
        };
        self.load.enter(Phase::Swap);
        let mut new = self.builds.deploy(self.sandbox, build, form, &self.address).start()?;
        if !self.is_up(&mut new, build, form).await? {
            return Ok(false);
        }
        let command = match form {
            Form::Stay => Some(new),
            Form::Leave => None,
        };
        let old = std::mem::replace(&mut self.serving, Serving { build, command });
        if let Some(mut command) = old.command {
            let status = command.exit().await?.status;
            self.expect(
                status == 0,
                old.build,
                &format!("was replaced and ended with {status}"),
                &mut command,
            );
        }
        match build {
            Build::This => self.upgraded.forth += 1,
            Build::Other => self.upgraded.back += 1,
        }
        self.load.enter(Phase::Between);
        self.load.more_answers(ANSWERS, LIMIT).await?;
        Ok(true)
    }

    async fn is_up(&mut self, new: &mut Started, build: Build, form: Form) -> Result<bool, UpgradeError> {
        let status = match form {
            Form::Stay => match new.says(UP).await {
                Ok(_) => 0,
                Err(SandboxError::Ended { status, .. }) => status,
                Err(
                    error @ (SandboxError::Missing { .. }
                    | SandboxError::Io { .. }
                    | SandboxError::TooLate { .. }),
                ) => {
                    return Err(error.into());
                }
            },
            Form::Leave => new.exit().await?.status,
        };
        self.expect(status == 0, build, &format!("was deployed and ended with {status}"), new);
        Ok(status == 0)
    }

    fn expect(&mut self, is_so: bool, build: Build, otherwise: &str, command: &mut Started) {
        if !is_so {
            self.upgraded.wrong.push(format!("{build} {otherwise}:\n{}", command.stderr()));
        }
    }

    /// Waits until only the last server and the supervisor that has stayed with it are left.
    async fn nothing_else_is_left(&mut self) {
        let stays = 1 + usize::from(self.serving.command.is_some());
        let (give_up_at, mut pace) = (Instant::now() + LIMIT, interval(PACE));
        loop {
            pace.tick().await;
            let remaining = self.sandbox.remaining();
            if remaining.len() == stays {
                return;
            }
            if Instant::now() > give_up_at {
                self.upgraded.wrong.push(format!("{stays} processes are to be left: {remaining:?}"));
                return;
            }
        }
    }
}

/// Clients that press, and some that are idle in between.
fn clients() -> Vec<Slot> {
    let mut slots = vec![Slot::NEW, Slot::NEW, Slot::KEPT, Slot::KEPT];
    slots.extend([Slot::NEW, Slot::KEPT].map(|slot| slot.pausing(Duration::from_millis(10))));
    slots
}
