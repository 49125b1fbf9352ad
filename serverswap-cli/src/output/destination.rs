//! Where each of a server's two output streams goes. The first row that fits holds; *ours* is the
//! stream of the command that has the same number.
//!
//! | `--output` | ours                 | stream                | the command | goes to    |
//! | ---------- | -------------------- | --------------------- | ----------- | ---------- |
//! | `inherit`  | anything             | any                   | any         | ours       |
//! | `null`     | anything             | any                   | any         | nowhere    |
//! | FILE       | anything             | any                   | any         | FILE       |
//! | `auto`     | `/dev/null`          | any                   | any         | ours       |
//! | `auto`     | anything else        | stdout, with `--json` | any         | its log    |
//! | `auto`     | another's log        | any                   | any         | its log    |
//! | `auto`     | a regular file       | any                   | any         | ours       |
//! | `auto`     | the journal          | any                   | any         | ours       |
//! | `auto`     | a pipe of a service  | any                   | stays       | ours       |
//! | `auto`     | a pipe               | any                   | any         | its log    |
//! | `auto`     | a terminal           | any                   | any         | its log    |
//! | `auto`     | anything else        | any                   | any         | its log    |
//!
//! *A pipe of a service*: a command that stays, with no controlling terminal, not over ssh and not inside a served
//! application, was started by a service manager or in a container, and the pipe leads to a log that outlives
//! it. In a login session the reader of the pipe ends with the session, or with the Ctrl-C that is meant to let the
//! server drain; inside an application, such as a webhook that deploys it, with the old generation.
//!
//! *Another's log*: the log of the generation inside which the command was started.
//!
//! What is written to a log is copied to ours, except that the copy of stdout goes to our stderr with
//! `--json`. Both streams share one log when both are copied to the same place: then their lines stay in
//! order.

use std::path::PathBuf;

use serverswap::protocol::message::Form;

use crate::ui::ResultFormat;

/// `--output`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OutputOption {
    /// What outlives the command is inherited; else there is a log.
    #[default]
    Auto,
    /// Our stdout and stderr, whatever they are.
    Inherit,
    /// Nowhere.
    Null,
    /// This file, for both; absolute.
    File(PathBuf),
}

/// What one of our own streams is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// A regular file.
    RegularFile,
    /// The log of another generation.
    Log,
    /// `/dev/null`.
    Null,
    /// The socket of the journal.
    Journal,
    /// A pipe, a FIFO, or a socket that is not the journal's.
    Pipe,
    /// A terminal.
    Terminal,
    /// Another device.
    Other,
}

/// What the command was started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartedFrom {
    /// A terminal or an ssh connection, which a person closes.
    Login,
    /// A process of another generation, which may be replaced by what is started.
    Generation,
    /// A service manager, a container, a job.
    Service,
}

/// Whether our stdout and our stderr are one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OurStreams {
    /// One terminal, or one pipe.
    One,
    /// Two.
    Two,
}

/// Everything that the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Circumstances {
    pub(super) form: Form,
    pub(super) result: ResultFormat,
    pub(super) started_from: StartedFrom,
    pub(super) stdout: StreamKind,
    pub(super) stderr: StreamKind,
    pub(super) ours: OurStreams,
}

/// Where both streams go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destinations {
    pub(super) stdout: Destination,
    pub(super) stderr: Destination,
}

/// Where one stream goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// To the same stream of ours.
    Inherited,
    /// Nowhere.
    Null,
    /// To this file.
    File(PathBuf),
    /// To a log of the generation.
    Log(LogName),
}

/// Which log of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogName {
    /// The one for both streams; it is copied to this stream of ours.
    Both(OurStream),
    /// The one of stdout.
    Stdout(OurStream),
    /// The one of stderr, which is copied to our stderr.
    Stderr,
}

/// A stream of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OurStream {
    Stdout,
    Stderr,
}

impl Destinations {
    /// The table at the head of this file.
    pub(super) fn decide(option: &OutputOption, circumstances: Circumstances) -> Destinations {
        let both =
            |destination: Destination| Destinations { stdout: destination.clone(), stderr: destination };
        match option {
            OutputOption::Inherit => both(Destination::Inherited),
            OutputOption::Null => both(Destination::Null),
            OutputOption::File(path) => both(Destination::File(path.clone())),
            OutputOption::Auto => auto(circumstances),
        }
    }

    /// Where there can be no log: a command that stays gives its own streams, as it does to one that it
    /// cannot outlive; one that leaves gives none, and neither does `--json` its stdout.
    pub(super) fn without_log(self, circumstances: Circumstances) -> Destinations {
        let instead = |destination: Destination, result: ResultFormat| match (destination, circumstances.form)
        {
            (Destination::Log(_), Form::Leave) => Destination::Null,
            (Destination::Log(_), Form::Stay) if result == ResultFormat::Json => Destination::Null,
            (Destination::Log(_), Form::Stay) => Destination::Inherited,
            (other, Form::Leave | Form::Stay) => other,
        };
        Destinations {
            stdout: instead(self.stdout, circumstances.result),
            stderr: instead(self.stderr, ResultFormat::None),
        }
    }
}

fn auto(circumstances: Circumstances) -> Destinations {
    let copied_to = match circumstances.result {
        ResultFormat::Json => OurStream::Stderr,
        ResultFormat::None => OurStream::Stdout,
    };
    let is_shared = copied_to == OurStream::Stderr || circumstances.ours == OurStreams::One;
    let stdout = is_inherited(circumstances.stdout, circumstances.result, circumstances);
    let stderr = is_inherited(circumstances.stderr, ResultFormat::None, circumstances);
    let (stdout_log, stderr_log) = match (stdout, stderr) {
        (Inherited::No, Inherited::No) if is_shared => (LogName::Both(copied_to), LogName::Both(copied_to)),
        (Inherited::No | Inherited::Yes, Inherited::No | Inherited::Yes) => {
            (LogName::Stdout(copied_to), LogName::Stderr)
        }
    };
    Destinations { stdout: stdout.or_log(stdout_log), stderr: stderr.or_log(stderr_log) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inherited {
    Yes,
    No,
}

impl Inherited {
    fn or_log(self, log: LogName) -> Destination {
        match self {
            Inherited::Yes => Destination::Inherited,
            Inherited::No => Destination::Log(log),
        }
    }
}

/// The rows of `auto`; `result` is what else goes to the stream.
fn is_inherited(kind: StreamKind, result: ResultFormat, circumstances: Circumstances) -> Inherited {
    match (kind, result) {
        (StreamKind::Null, ResultFormat::Json | ResultFormat::None) => Inherited::Yes,
        (
            StreamKind::RegularFile
            | StreamKind::Log
            | StreamKind::Journal
            | StreamKind::Pipe
            | StreamKind::Terminal
            | StreamKind::Other,
            ResultFormat::Json,
        ) => Inherited::No,
        (StreamKind::RegularFile | StreamKind::Journal, ResultFormat::None) => Inherited::Yes,
        (StreamKind::Pipe, ResultFormat::None) => match (circumstances.form, circumstances.started_from) {
            (Form::Stay, StartedFrom::Service) => Inherited::Yes,
            (Form::Stay, StartedFrom::Login | StartedFrom::Generation)
            | (Form::Leave, StartedFrom::Service | StartedFrom::Login | StartedFrom::Generation) => {
                Inherited::No
            }
        },
        (StreamKind::Log | StreamKind::Terminal | StreamKind::Other, ResultFormat::None) => Inherited::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [StreamKind; 7] = [
        StreamKind::RegularFile,
        StreamKind::Log,
        StreamKind::Null,
        StreamKind::Journal,
        StreamKind::Pipe,
        StreamKind::Terminal,
        StreamKind::Other,
    ];

    /// A command that leaves, typed by a person, with two different streams.
    fn leaving(stdout: StreamKind, stderr: StreamKind) -> Circumstances {
        Circumstances {
            form: Form::Leave,
            result: ResultFormat::None,
            started_from: StartedFrom::Login,
            stdout,
            stderr,
            ours: OurStreams::Two,
        }
    }

    fn auto(circumstances: Circumstances) -> (Destination, Destination) {
        let Destinations { stdout, stderr } = Destinations::decide(&OutputOption::Auto, circumstances);
        (stdout, stderr)
    }

    fn to_our_stdout() -> Destination {
        Destination::Log(LogName::Stdout(OurStream::Stdout))
    }

    #[test]
    fn a_file_null_and_the_journal_are_inherited_in_both_forms() {
        for kind in [StreamKind::RegularFile, StreamKind::Null, StreamKind::Journal] {
            for form in [Form::Leave, Form::Stay] {
                let both = (Destination::Inherited, Destination::Inherited);
                assert_eq!(auto(Circumstances { form, ..leaving(kind, kind) }), both, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_terminal_another_generations_log_and_other_devices_are_never_inherited() {
        for kind in [StreamKind::Terminal, StreamKind::Log, StreamKind::Other] {
            for form in [Form::Leave, Form::Stay] {
                let both = (to_our_stdout(), Destination::Log(LogName::Stderr));
                assert_eq!(auto(Circumstances { form, ..leaving(kind, kind) }), both, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_pipe_is_inherited_only_by_a_service_that_stays() {
        let is_inherited = |form, started_from| {
            let kinds = leaving(StreamKind::Pipe, StreamKind::RegularFile);
            auto(Circumstances { form, started_from, ..kinds }).0 == Destination::Inherited
        };
        assert!(is_inherited(Form::Stay, StartedFrom::Service));
        assert!(!is_inherited(Form::Leave, StartedFrom::Service));
        for other in [StartedFrom::Login, StartedFrom::Generation] {
            assert!(!is_inherited(Form::Stay, other) && !is_inherited(Form::Leave, other), "{other:?}");
        }
    }

    #[test]
    fn with_json_nothing_but_the_outcome_reaches_our_stdout() {
        for (kind, form) in KINDS.into_iter().flat_map(|kind| [(kind, Form::Leave), (kind, Form::Stay)]) {
            let circumstances = leaving(kind, StreamKind::RegularFile);
            let stdout = auto(Circumstances { form, result: ResultFormat::Json, ..circumstances }).0;
            let expected = match kind {
                StreamKind::Null => Destination::Inherited,
                StreamKind::RegularFile
                | StreamKind::Log
                | StreamKind::Journal
                | StreamKind::Pipe
                | StreamKind::Terminal
                | StreamKind::Other => Destination::Log(LogName::Stdout(OurStream::Stderr)),
            };
            assert_eq!(stdout, expected, "{kind:?}");
        }
    }

    #[test]
    fn two_streams_that_are_copied_to_one_place_share_a_log() {
        let terminal = leaving(StreamKind::Terminal, StreamKind::Terminal);
        let shared =
            |stream| (Destination::Log(LogName::Both(stream)), Destination::Log(LogName::Both(stream)));
        assert_eq!(auto(Circumstances { ours: OurStreams::One, ..terminal }), shared(OurStream::Stdout));
        let json = Circumstances { result: ResultFormat::Json, ..terminal };
        assert_eq!(auto(json), shared(OurStream::Stderr));
    }

    #[test]
    fn each_stream_is_decided_on_its_own() {
        let piped = leaving(StreamKind::Pipe, StreamKind::RegularFile);
        assert_eq!(auto(piped), (to_our_stdout(), Destination::Inherited));
        let logged = leaving(StreamKind::RegularFile, StreamKind::Terminal);
        assert_eq!(auto(logged), (Destination::Inherited, Destination::Log(LogName::Stderr)));
    }

    #[test]
    fn what_was_asked_for_is_done_whatever_our_streams_are() {
        let file = PathBuf::from("/var/log/app.log");
        let cases = [
            (OutputOption::Inherit, Destination::Inherited),
            (OutputOption::Null, Destination::Null),
            (OutputOption::File(file.clone()), Destination::File(file)),
        ];
        for (option, expected) in cases {
            for kind in KINDS {
                let decided = Destinations::decide(&option, leaving(kind, kind));
                assert_eq!((decided.stdout, decided.stderr), (expected.clone(), expected.clone()));
            }
        }
    }

    #[test]
    fn without_a_log_only_a_command_that_stays_gives_its_own_streams() {
        let circumstances = leaving(StreamKind::Terminal, StreamKind::RegularFile);
        let instead = |form, result| {
            let circumstances = Circumstances { form, result, ..circumstances };
            Destinations::decide(&OutputOption::Auto, circumstances).without_log(circumstances)
        };
        let leaving = instead(Form::Leave, ResultFormat::None);
        assert_eq!((leaving.stdout, leaving.stderr), (Destination::Null, Destination::Inherited));
        assert_eq!(instead(Form::Stay, ResultFormat::None).stdout, Destination::Inherited);
        assert_eq!(instead(Form::Stay, ResultFormat::Json).stdout, Destination::Null);
    }
}
