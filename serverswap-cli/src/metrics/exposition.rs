//! The text of the metrics, as OpenMetrics 1.0 has it. Pure.

use std::fmt::{Display, Write};
use std::time::{Duration, SystemTime};

use super::totals::Totals;

/// What is known of one address now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AddressGauges {
    pub(super) address: String,
    pub(super) is_served: bool,
    /// For how long the newest server has it.
    pub(super) age: Option<Duration>,
    /// Of the servers that have it.
    pub(super) connections: Option<u64>,
    /// How many servers are draining.
    pub(super) draining: u64,
    /// Of those.
    pub(super) draining_connections: Option<u64>,
}

/// A kind of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

/// The whole exposition, to its `# EOF`.
pub(super) fn render(directory: &str, addresses: &[AddressGauges], totals: &Totals) -> String {
    let mut text = Exposition { text: String::new(), created: totals.since };
    text.head("serverswap", Kind::Info, "", "The runtime directory, and the version that looks at it.");
    let version = env!("CARGO_PKG_VERSION");
    text.sample("serverswap_info", &[("directory", directory), ("version", version)], 1);
    text.gauges(addresses);
    text.counters(totals);
    text.histogram(totals);
    text.text.push_str("# EOF\n");
    text.text
}

struct Exposition {
    text: String,
    /// Since when is counted.
    created: Option<SystemTime>,
}

impl Exposition {
    fn gauges(&mut self, addresses: &[AddressGauges]) {
        let count = |known: Option<u64>| known.map(|count| count.to_string());
        self.gauge("serverswap_up", "", "Whether a server serves the address.", addresses, |of| {
            Some(u8::from(of.is_served).to_string())
        });
        let help = "How long the newest server has had the address.";
        self.gauge("serverswap_generation_age_seconds", "seconds", help, addresses, |of| of.age.map(seconds));
        let help = "Open connections of the servers that have the address.";
        self.gauge("serverswap_connections", "", help, addresses, |of| count(of.connections));
        let help = "Servers that have released the address and finish what is open.";
        self.gauge("serverswap_draining", "", help, addresses, |of| Some(of.draining.to_string()));
        let help = "Open connections of the servers that are draining.";
        self.gauge("serverswap_draining_connections", "", help, addresses, |of| {
            count(of.draining_connections)
        });
    }

    fn counters(&mut self, totals: &Totals) {
        self.head("serverswap_deploys", Kind::Counter, "", "Deploys that are over, by how they ended.");
        for (outcome, count) in &totals.deploys {
            self.sample("serverswap_deploys_total", &[("outcome", outcome)], count);
            self.created("serverswap_deploys", &[("outcome", outcome)]);
        }
        let counters = [
            ("serverswap_swaps", "Deploys that have replaced a server.", totals.swaps),
            ("serverswap_restarts", "Servers that their supervisor has started again.", totals.restarts),
            ("serverswap_crashes", "Servers without a supervisor that have ended unasked.", totals.crashes),
            ("serverswap_stops", "Runs of serverswap stop that have stopped something.", totals.stops),
            ("serverswap_connections_cut", "Connections that were closed unfinished.", totals.cut),
            (
                "serverswap_arbiter_changes",
                "Changes of the arbiter while something ran.",
                totals.arbiter_changes,
            ),
        ];
        for (name, help, value) in counters {
            self.head(name, Kind::Counter, "", help);
            self.sample(&format!("{name}_total"), &[], value);
            self.created(name, &[]);
        }
    }

    fn histogram(&mut self, totals: &Totals) {
        let name = "serverswap_deploy_duration_seconds";
        let help = "From the start of a server until it served, of the deploys that came so far.";
        self.head(name, Kind::Histogram, "seconds", help);
        for (bound, count) in totals.serving.cumulated() {
            let bound = bound.map_or("+Inf".to_owned(), |millis| seconds(Duration::from_millis(millis)));
            self.sample(&format!("{name}_bucket"), &[("le", &bound)], count);
        }
        self.sample(&format!("{name}_count"), &[], totals.serving.count());
        self.sample(&format!("{name}_sum"), &[], seconds(Duration::from_millis(totals.serving.sum_ms)));
        self.created(name, &[]);
    }

    fn gauge(
        &mut self,
        name: &str,
        unit: &str,
        help: &str,
        addresses: &[AddressGauges],
        value: impl Fn(&AddressGauges) -> Option<String>,
    ) {
        self.head(name, Kind::Gauge, unit, help);
        for of in addresses {
            if let Some(value) = value(of) {
                self.sample(name, &[("address", &of.address)], value);
            }
        }
    }

    fn head(&mut self, name: &str, kind: Kind, unit: &str, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        };
        self.line(format_args!("# TYPE {name} {kind}"));
        if !unit.is_empty() {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name} {help}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.line(format_args!("{name}{labels} {value}"));
    }

    fn created(&mut self, name: &str, labels: &[(&str, &str)]) {
        let since = self.created.and_then(|since| since.duration_since(SystemTime::UNIX_EPOCH).ok());
        if let Some(since) = since {
            self.sample(&format!("{name}_created"), labels, seconds(since));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a String takes everything");
    }
}

/// With milliseconds, and a point in any case.
fn seconds(duration: Duration) -> String {
    let text = format!("{}.{:03}", duration.as_secs(), duration.subsec_millis());
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

/// The value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauges(address: &str) -> AddressGauges {
        let address = address.to_owned();
        AddressGauges {
            address,
            is_served: true,
            age: Some(Duration::from_millis(1_500)),
            ..AddressGauges::default()
        }
    }

    #[test]
    fn each_metric_has_its_head_and_the_text_an_end() {
        let text = render("/run/x", &[gauges(":80")], &Totals::of(&[]));
        let expected = "\
# TYPE serverswap info
# HELP serverswap The runtime directory, and the version that looks at it.
serverswap_info{directory=\"/run/x\",version=\"0.1.0\"} 1
# TYPE serverswap_up gauge
# HELP serverswap_up Whether a server serves the address.
serverswap_up{address=\":80\"} 1
# TYPE serverswap_generation_age_seconds gauge
# UNIT serverswap_generation_age_seconds seconds
# HELP serverswap_generation_age_seconds How long the newest server has had the address.
serverswap_generation_age_seconds{address=\":80\"} 1.5
# TYPE serverswap_connections gauge
# HELP serverswap_connections Open connections of the servers that have the address.
# TYPE serverswap_draining gauge
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\nserverswap_deploys_total{outcome=\"failed\"} 0\n"), "{text}");
        assert!(text.contains("\nserverswap_deploy_duration_seconds_bucket{le=\"+Inf\"} 0\n"), "{text}");
        assert!(text.ends_with("\n# EOF\n") && !text.contains("_created"), "{text}");
    }

    #[test]
    fn a_label_is_escaped() {
        let text = render("/run/\"x\"\n\\", &[], &Totals::of(&[]));
        assert!(text.contains(r#"{directory="/run/\"x\"\n\\","#), "{text}");
    }

    #[test]
    fn seconds_have_no_more_digits_than_needed() {
        assert_eq!(
            [0, 50, 1_000, 60_000].map(|millis| seconds(Duration::from_millis(millis))),
            ["0.0", "0.05", "1.0", "60.0"]
        );
    }

    #[test]
    fn ten_thousand_addresses_have_a_line_each() {
        let addresses: Vec<AddressGauges> = (0..10_000).map(|port| gauges(&format!(":{port}"))).collect();
        let text = render("/run/x", &addresses, &Totals::of(&[]));
        assert_eq!(text.lines().filter(|line| line.starts_with("serverswap_up{")).count(), 10_000);
    }
}
