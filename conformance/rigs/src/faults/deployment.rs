//! What a cell is played on: a sandbox, an address, version 1 that serves, and the commands.

use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::Form;

use super::FaultsError;
use super::points::{Points, VARIABLE};
use super::roles::{Mode, Role, Scene};
use serverswap_conformance::recording::complaints;
use serverswap_conformance::sandbox::{Invocation, Sandbox, Started, free_address};
use serverswap_load::{Answer, Failure, Target, ask};

/// How long one request may take: longer than any process is held.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The server, as cargo builds it beside the programs.
const SHOP: &str = "examples/shop";

/// What a supervisor that stays prints once its server is up.
pub(super) const UP: &str = "up after";

/// The processes that report the points that they reach: a supervisor, and perhaps its server.
pub(super) type Watched<'a> = (&'a Points, Role, Option<Role>);

/// Options of every command.
type Timeouts = [&'static str; 6];

/// In a run in which a process is held or stopped, some of these have to pass.
const OF_THE_HELD: Timeouts = ["--ready-timeout", "10s", "--drain-timeout", "5s", "--kill-timeout", "1s"];

/// In a run in which none is, none of these should ever pass, however many start at once.
const OF_CROWDS: Timeouts = ["--ready-timeout", "120s", "--drain-timeout", "60s", "--kill-timeout", "60s"];

/// Everything that one run has.
pub(super) struct Deployment {
    pub(super) sandbox: Sandbox,
    pub(super) address: Address,
    pub(super) mode: Mode,
    pub(super) scene: Scene,
    /// The command that started version 1, if it has stayed.
    pub(super) old: Option<Started>,

    pub(super) neighbour: Option<Neighbour>,

    timeouts: Timeouts,
}

/// A third supervisor and its server, on an address of its own.
pub(super) struct Neighbour {
    pub(super) supervisor: Started,
    pub(super) target: Target,
    /// Its server.
    pub(super) server: u32,
}

impl Deployment {
    /// Version 1 serves; its processes report their points.
    pub(super) async fn set(
        sandbox: Sandbox,
        scene: Scene,
        mode: Mode,
        points: &Points,
    ) -> Result<Deployment, FaultsError> {
        let neighbour = match scene {
            Scene::Third => Some(Neighbour::settle(&sandbox, points).await?),
            Scene::Stays | Scene::Left => None,
        };
        let (address, timeouts) = (free_address(), OF_THE_HELD);
        let mut deployment = Deployment { sandbox, address, mode, scene, old: None, neighbour, timeouts };
        deployment.first(Some((points, Role::OldSupervisor, Some(Role::OldServer)))).await?;
        Ok(deployment)
    }

    /// Version 1 serves, under a supervisor that stays, and no process is ever held.
    pub(super) async fn undisturbed(sandbox: Sandbox, mode: Mode) -> Result<Deployment, FaultsError> {
        let (address, scene, timeouts) = (free_address(), Scene::Stays, OF_CROWDS);
        let mut deployment =
            Deployment { sandbox, address, mode, scene, old: None, neighbour: None, timeouts };
        deployment.first(None).await?;
        Ok(deployment)
    }

    async fn first(&mut self, points: Option<Watched<'_>>) -> Result<(), FaultsError> {
        let mut command = self.version(1, self.form(), points).start()?;
        match self.form() {
            Form::Stay => {
                command.says(UP).await?;
                self.old = Some(command);
            }
            Form::Leave => drop(command.exit().await?),
        }
        Ok(())
    }

    /// How versions 1 and 2 are deployed here.
    pub(super) fn form(&self) -> Form {
        match self.scene {
            Scene::Stays | Scene::Third => Form::Stay,
            Scene::Left => Form::Leave,
        }
    }

    /// The command that deploys a version; its processes may be held.
    pub(super) fn version(&self, version: u32, form: Form, points: Option<Watched<'_>>) -> Invocation {
        deploy(&self.sandbox, &self.address, &version.to_string(), self.mode, form, points, self.timeouts)
    }

    /// What the recording of every command has against an arbiter or a client.
    pub(super) fn complaints(&self) -> Vec<String> {
        complaints(&self.sandbox.recording())
    }

    pub(super) fn target(&self) -> Target {
        Target::try_from(&self.address).expect("a free address is on the loopback")
    }

    /// The third supervisor and its server, those of them that live.
    pub(super) fn neighbours(&self) -> Vec<u32> {
        self.neighbour.iter().flat_map(|one| [one.supervisor.pid(), one.server]).collect()
    }

    pub(super) async fn ask(&self) -> Result<Answer, Failure> {
        ask(&self.target(), ANSWER_LIMIT).await
    }
}

impl Neighbour {
    async fn settle(sandbox: &Sandbox, points: &Points) -> Result<Neighbour, FaultsError> {
        let address = free_address();
        // Its server has no part in the handover.
        let who = Some((points, Role::Neighbour, None));
        let mut supervisor =
            deploy(sandbox, &address, "0", Mode::Inherit, Form::Stay, who, OF_THE_HELD).start()?;
        supervisor.says(UP).await?;
        let target = Target::try_from(&address).expect("a free address is on the loopback");
        let server = ask(&target, ANSWER_LIMIT).await?.pid.unwrap_or_default();
        Ok(Neighbour { supervisor, target, server })
    }

    /// Its server serves on, whatever became of its supervisor.
    pub(super) async fn is_untouched(&self) -> bool {
        ask(&self.target, ANSWER_LIMIT).await.is_ok_and(|answer| answer.pid == Some(self.server))
    }
}

fn deploy(
    sandbox: &Sandbox,
    address: &Address,
    version: &str,
    mode: Mode,
    form: Form,
    points: Option<Watched<'_>>,
    timeouts: Timeouts,
) -> Invocation {
    let restart = ["--restart", "on-failure"];
    let restart = if form == Form::Stay { &restart[..] } else { &[] };
    let (mode, way) = match mode {
        Mode::Inherit | Mode::Bind => (mode.to_string(), &[][..]),
        Mode::Intercept => ("plain".to_owned(), &["--intercept"][..]),
    };
    let its = match points {
        Some((points, _, Some(server))) => format!("{VARIABLE}={}", points.socket(server).display()),
        Some((_, _, None)) | None => format!("--unset={VARIABLE}"),
    };
    let shop = sandbox.programs().built(SHOP);
    let address = address.to_string();
    let command = ["env", &its, &shop, &address, version, &mode];
    let recorded = sandbox.recording().display().to_string();
    let trace = ["--trace", recorded.as_str()];
    let arguments = timeouts.iter().chain(&trace).chain(restart).chain(way).chain(&command);
    let arguments = arguments.map(|text| (*text).to_owned());
    let command = match form {
        Form::Stay => sandbox.deploy(arguments),
        Form::Leave => sandbox.serverswap(arguments),
    };
    match points {
        Some((points, supervisor, _)) => command.env(VARIABLE, points.socket(supervisor)),
        None => command,
    }
}
