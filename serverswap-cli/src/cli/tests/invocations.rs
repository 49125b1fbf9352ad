//! From arguments to an invocation.

use std::ffi::OsString;
use std::time::Duration;

use serverswap::protocol::message::Form;

use crate::cli::parse::UsageError;
use crate::cli::{Extent, Invocation, Logs, Program, Run, Scope, Status, Which, parse};
use crate::readiness::ReadyOption;
use crate::stop::{Limits, Target};
use crate::supervisor::Restart;
use crate::ui::{LogFormat, ResultFormat, Verbosity};

fn parsed(program: Program, arguments: &[&str]) -> Result<Invocation, String> {
    let words = std::iter::once(program.name()).chain(arguments.iter().copied()).map(OsString::from);
    parse(words, program).map_err(|error| match error {
        UsageError::Clap(error) => error.to_string(),
        UsageError::Combination { error, hint } => format!("error: {error}\nhint: {hint}\n"),
    })
}

fn run(arguments: &[&str]) -> Run {
    match parsed(Program::Serverswap, arguments) {
        Ok(Invocation::Run(run)) => run,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

fn words(arguments: &[&str]) -> String {
    run(arguments).command.display()
}

#[track_caller]
fn refused(arguments: &[&str], expected: &str) {
    let error = parsed(Program::Serverswap, arguments).expect_err("it is refused");
    assert!(error.contains(expected), "{error}");
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let run = run(&["./app"]);
    assert_eq!(
        (run.form, run.ready_timeout, run.drain_timeout, run.kill_timeout, run.restart),
        (
            Form::Leave,
            Duration::from_secs(60),
            Duration::from_secs(30),
            Duration::from_secs(5),
            Restart::Never
        )
    );
    assert_eq!(
        (run.verbosity, run.log, run.result),
        (Verbosity::Normal, LogFormat::Text, ResultFormat::None)
    );
}

#[test]
fn hold_takes_its_options_before_and_after_its_name() {
    let hold = |arguments: &[&str]| match parsed(Program::Serverswap, arguments) {
        Ok(Invocation::Hold(hold)) => (hold.dir, hold.verbosity, hold.log),
        other => panic!("{arguments:?}: {other:?}"),
    };
    let dir = Some("/d".into());
    let asked = (dir, Verbosity::Quiet, LogFormat::Json);
    assert_eq!(hold(&["hold", "--dir", "/d", "-q", "--log-format", "json"]), asked);
    assert_eq!(hold(&["--dir", "/d", "-q", "--log-format", "json", "hold"]), asked);
    let Ok(Invocation::Hold(allowing)) =
        parsed(Program::Serverswap, &["hold", "--allow-user", "1000", "--allow-user", "root"])
    else {
        panic!("it holds")
    };
    assert_eq!(allowing.users, [0, 1000].into());
    assert_eq!(hold(&["hold"]), (None, Verbosity::Normal, LogFormat::Text));
    refused(&["--restart", "always", "hold"], "`--restart` cannot be used with `serverswap hold`");
}

#[test]
fn everything_after_the_command_is_its_own() {
    assert_eq!(
        words(&["./app", "--stay", "-v", "--", "status", "--json"]),
        "./app --stay -v -- status --json"
    );
    assert_eq!(words(&["--stay", "./app", "--drain-timeout", "1s"]), "./app --drain-timeout 1s");
}

#[test]
fn two_dashes_may_come_before_the_command() {
    assert_eq!(words(&["--stay", "--", "./app", "-x"]), "./app -x");
}

#[test]
fn a_command_with_the_name_of_a_tool_comes_after_two_dashes() {
    assert_eq!(words(&["--", "status", ":8080"]), "status :8080");
}

#[test]
fn a_name_of_a_tool_is_an_argument_when_it_comes_after_the_command() {
    assert_eq!(words(&["node", "status"]), "node status");
}

#[test]
fn a_stop_names_addresses_or_all_or_nothing() {
    let stop = |words: &[&str]| match parsed(Program::Serverswap, words) {
        Ok(Invocation::Stop(stop)) => stop,
        other => panic!("no stop: {other:?}"),
    };
    assert_eq!(stop(&["stop"]).target, Target::TheOnly);
    assert_eq!(stop(&["stop", "--all"]).target, Target::Everything);
    let named = stop(&["--json", "stop", ":1", "mailer", "--drain-timeout", "2s"]);
    let addresses = [":1", "mailer"].map(|text| text.parse().expect("an address"));
    assert_eq!(named.target, Target::Addresses(addresses.to_vec()));
    assert_eq!(named.limits, Limits { drain: Some(Duration::from_secs(2)), kill: None });
    assert_eq!(named.result, ResultFormat::Json);
    refused(&["stop", "--all", ":1"], "cannot be used with");
    refused(&["stop", ":99999"], "write it like `serverswap stop :8080`");
}

#[test]
fn an_option_that_does_not_exist_is_not_a_command() {
    refused(&["--sty", "./app"], "unexpected argument '--sty'");
}

#[test]
fn a_word_of_other_tools_gets_help_unless_a_program_has_that_name() {
    let error = parsed(Program::ServerswapDeploy, &["stop", ":8080"]).expect_err("there is none");
    assert!(
        error.starts_with("error: `stop` is no command of serverswap-deploy, and no program in PATH\nhint: "),
        "{error}"
    );
    refused(&["restart"], "hint: to start a server or to deploy, write its command alone");
    assert_eq!(words(&["ls"]), "ls");
    let error = parsed(Program::ServerswapDeploy, &["list"]).expect_err("there is none");
    assert!(error.contains("no command of serverswap-deploy"), "{error}");
}

#[test]
fn help_and_version_are_options_that_may_be_written_as_words() {
    refused(&["help"], "Usage: serverswap [OPTIONS] CMD");
    refused(&["version"], concat!("serverswap ", env!("CARGO_PKG_VERSION")));
    assert_eq!(words(&["./help"]), "./help");
}

#[test]
fn nothing_to_start_is_refused() {
    refused(&[], "CMD");
    refused(&["--stay"], "CMD");
}

#[test]
fn a_duration_without_a_unit_is_refused_with_a_hint() {
    refused(&["--ready-timeout", "30", "./app"], "write `30s` for seconds");
}

#[test]
fn restart_without_stay_is_refused_with_the_right_command() {
    let error = parsed(Program::Serverswap, &["--restart", "always", "node", "server.js"]);
    let expected = "error: `--restart always` needs a supervisor that stays\n\
                    hint: serverswap --stay --restart always node server.js\n";
    assert_eq!(error, Err(expected.to_owned()));
}

#[test]
fn restart_with_stay_is_taken() {
    assert_eq!(run(&["--stay", "--restart", "on-failure", "./app"]).restart, Restart::OnFailure);
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    refused(&["-q", "-v", "./app"], "cannot be used with");
}

#[test]
fn deploy_stays_and_has_no_tools() {
    let invocation = parsed(Program::ServerswapDeploy, &["--restart", "always", "status", "--json"]);
    let Ok(Invocation::Run(run)) = invocation else {
        panic!("{invocation:?}");
    };
    assert_eq!((run.form, run.command.display().as_str()), (Form::Stay, "status --json"));
}

#[test]
fn logs_takes_an_address_and_says_which_and_how_much() {
    let logs = |address: Option<&str>, which, extent| {
        let address = address.map(|text| text.parse().expect("an address"));
        Ok(Invocation::Logs(Logs { address, which, extent, dir: Some("/d".into()) }))
    };
    let (all, previous) = (["logs", "--dir", "/d"], ["logs", "-f", "--previous", ":8080", "--dir", "/d"]);
    assert_eq!(parsed(Program::Serverswap, &all), logs(None, Which::Newest, Extent::UntilNow));
    assert_eq!(parsed(Program::Serverswap, &previous), logs(Some(":8080"), Which::Previous, Extent::Follow));
    refused(&["--json", "logs"], "`--json` cannot be used with `serverswap logs`");
    refused(&["logs", "localhost:80"], "write it like `serverswap logs :8080`");
}

#[test]
fn explain_takes_a_server_with_its_own_options() {
    let invocation =
        parsed(Program::Serverswap, &["explain", "--json", "--ready-timeout", "5s", "./app", "--json"]);
    let Ok(Invocation::Explain(explain)) = invocation else { panic!("{invocation:?}") };
    assert_eq!(explain.command.display(), "./app --json");
    assert_eq!((explain.ready_timeout, explain.result), (Duration::from_secs(5), ResultFormat::Json));
    refused(&["explain"], "CMD");
    refused(&["explain", "./serverswap", "--intercept", "./app"], "the command of the server alone");
    refused(&["--stay", "explain", "./app"], "`--stay` cannot be used with `serverswap explain`");
}

#[test]
fn the_time_of_responses_that_flow_is_no_shorter_than_that_of_the_drain() {
    let given = |drain, stream| ["--drain-timeout", drain, "--drain-stream-timeout", stream, "./app"];
    assert_eq!(run(&["./app"]).stream_timeout, None);
    assert_eq!(run(&given("30s", "10m")).stream_timeout, Some(Duration::from_secs(600)));
    refused(&given("30s", "10s"), "`--drain-stream-timeout` is shorter than `--drain-timeout`");
}

#[test]
fn status_takes_an_address_in_any_of_its_forms() {
    let expected = Status {
        address: Some(":8080".parse().expect("valid")),
        scope: Scope::Directory(Some("/d".into())),
        extent: Extent::UntilNow,
        result: ResultFormat::Json,
    };
    let invocation = parsed(Program::Serverswap, &["status", "8080", "--json", "--dir", "/d"]);
    assert_eq!(invocation, Ok(Invocation::Status(expected.clone())));
    let invocation = parsed(Program::Serverswap, &["--dir", "/d", "--json", "status", "8080"]);
    assert_eq!(invocation, Ok(Invocation::Status(expected)));
}

#[test]
fn status_of_every_directory_is_not_that_of_one() {
    refused(&["status", "--all", "--dir", "/d"], "`--all` is every directory, and `--dir` one");
}

#[test]
fn status_refuses_what_is_no_address_and_says_why() {
    refused(&["status", "localhost:80"], "names are not looked up");
}

#[test]
fn options_of_a_run_do_not_go_with_a_tool() {
    refused(&["--stay", "status"], "hint: to run a program of that name: `serverswap --stay -- status`");
    refused(&["--drain-timeout", "1s", "man"], "`--drain-timeout` cannot be used with `serverswap man`");
}

#[test]
fn a_script_that_is_a_file_runs_with_its_interpreter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["server.js", "server.mjs", "server.cjs", "server.py", "server.rb"] {
        std::fs::write(folder.path().join(name), "").expect("written");
    }
    let cwd = folder.path().to_str().expect("a plain path");
    let words = |script| words(&["--cwd", cwd, script, "a", "b c"]);
    assert_eq!(words("server.js"), "node server.js a 'b c'");
    assert_eq!(words("server.mjs"), "node server.mjs a 'b c'");
    assert_eq!(words("server.cjs"), "node server.cjs a 'b c'");
    assert_eq!(words("server.py"), "python3 server.py a 'b c'");
    assert_eq!(words("server.rb"), "server.rb a 'b c'");
    assert_eq!(words("missing.js"), "missing.js a 'b c'");
}

#[test]
fn the_working_directory_stays_as_it_was_given() {
    assert_eq!(run(&["--cwd", "releases/../current", "./app"]).cwd, Some("releases/../current".into()));
}

#[test]
fn a_file_to_record_into_goes_before_the_command() {
    assert_eq!(run(&["--trace", "here", "./app"]).trace, Some("here".into()));
    assert_eq!(run(&["./app", "--trace", "here"]).trace, None);
}

#[test]
fn an_arbiter_of_a_directory_starts_no_server() {
    for program in [Program::Serverswap, Program::ServerswapDeploy] {
        let arguments = ["--arbiter", "/run/x"];
        assert_eq!(parsed(program, &arguments), Ok(Invocation::Arbiter("/run/x".into())));
    }
    refused(&["--arbiter", "/run/x", "./app"], "cannot be used with");
    refused(&["--arbiter", "/run/x", "--dir", "/run/y"], "cannot be used with");
}

#[test]
fn a_recording_is_replayed_without_a_server() {
    for program in [Program::Serverswap, Program::ServerswapDeploy] {
        assert_eq!(parsed(program, &["--replay", "trace"]), Ok(Invocation::Replay("trace".into())));
    }
    refused(&["--replay", "trace", "./app"], "cannot be used with");
}

#[test]
fn a_server_is_passed_sockets_and_finds_their_numbers_in_its_arguments() {
    let run = run(&["--socket", "web=:8080", "--socket", ":9090", "app", "--fd={fd:web}"]);
    assert_eq!(run.command.display(), "app --fd=3");
    assert_eq!(run.sockets.addresses().map(ToString::to_string).collect::<Vec<_>>(), [":8080", ":9090"]);
    assert_eq!((run.ready, run.stop_signal), (ReadyOption::Either, 15));
}

#[test]
fn how_such_a_server_is_ready_and_ends_can_be_said() {
    let run = run(&["--socket", ":80", "--ready", "notify", "--stop-signal", "QUIT", "app"]);
    assert_eq!((run.ready, run.stop_signal), (ReadyOption::Notify, 3));
    refused(&["--ready", "notify", "app"], "--socket");
    refused(&["--socket", ":80", "--ready", "soon", "app"], "`exec=COMMAND`");
    refused(&["--socket", ":80", "--stop-signal", "KILL", "app"], "no time to finish");
}

#[test]
fn sockets_that_make_no_sense_are_refused_with_what_to_write() {
    let hint = "hint: give each a name of its own";
    refused(&["--socket", "a=:80", "--socket", "a=:81", "app"], hint);
    refused(&["--socket", "a=:80", "app", "{fd:b}"], "hint: name one: `--socket b=:8080`");
    refused(&["app", "{fd}"], "hint: say which one: `--socket :8080`");
    refused(&["--socket", "mailer", "app"], "a name without a socket");
}

#[test]
fn an_address_is_taken_over_from_whoever_has_it_if_that_is_said() {
    let adopt = |arguments: &[&str]| run(arguments).adopt.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(adopt(&["--socket", "a=:80", "--socket", ":81", "--adopt", "app"]), [":80", ":81"]);
    assert_eq!(adopt(&["--adopt=8080", "app"]), [":8080"]);
    assert_eq!(adopt(&["app"]), [""; 0]);
    refused(&["--adopt", "app"], "hint: `--adopt=:8080`, or `--socket :8080 --adopt`");
    refused(&["--adopt=localhost:80", "app"], "names are not looked up");
    refused(&["--stop-signal", "QUIT", "app"], "`--stop-signal` is for a server with `--socket`");
    assert_eq!(run(&["--adopt=:80", "--stop-signal", "QUIT", "app"]).stop_signal, 3);
}

#[test]
fn a_server_that_binds_for_itself_can_be_intercepted_and_is_not_passed_sockets_then() {
    let run = run(&["--intercept", "--stop-signal", "QUIT", "nginx"]);
    assert!(run.intercept && run.has_stand_in());
    assert_eq!(run.stop_signal, 3);
    refused(&["--intercept", "--socket", ":80", "app"], "cannot be used with");
}
