//! From a recording and a load to the model, the page and the lines of a terminal.

use std::time::Duration;

use roxmltree::{Document, ParsingOptions};
use serverswap_load::{Failure, Tally, Timeline};

use super::blocks::Characters;
use super::lifecycle::{Lifecycle, Micros, lifecycles};
use super::model::{ServedBy, Swap};
use super::*;
use crate::shell::typed;

/// Of a start and a swap.
const RECORDING: &str = include_str!("tests/recording.ndjson");

/// The load began at this moment of it, a tenth of a second before the swap.
const LOAD_BEGAN: Micros = 54_430_264_264;

fn recorded() -> Vec<Lifecycle> {
    lifecycles(RECORDING.as_bytes(), Zero::at_boot_micros(LOAD_BEGAN), Duration::from_secs(60))
}

/// A request on a new connection each 5 ms, of servers that do not say who they are; of each hundred one is refused.
fn load(length: Duration) -> Timeline {
    let mut timeline = Timeline::default();
    let step = Duration::from_millis(5);
    for number in 0..(length.as_millis() / step.as_millis()) as u32 {
        let at = step * number;
        if number % 100 == 99 {
            timeline.lost(at, Failure::Refused);
            continue;
        }
        let connection = timeline.opened(at);
        timeline.answered(at, connection, None, Duration::from_micros(300 + u64::from(number % 50) * 10));
        timeline.closed(connection);
    }
    timeline.end(length);
    timeline
}

/// A generation that serves from one second to another, and has begun a second before.
fn generation(from: Micros, to: Option<Micros>) -> Lifecycle {
    let second = |second: Micros| second * 1_000_000;
    Lifecycle {
        ready: Some(second(from) - 200_000),
        granted: Some(second(from) - 100_000),
        serving: Some(second(from)),
        takedown: to.map(second),
        drained: to.map(|to| second(to) + 300_000),
        ended: to.map(|to| second(to) + 500_000),
        ..Lifecycle::started(second(from - 1))
    }
}

fn counts(model: &Model) -> Vec<(ServedBy, u64)> {
    model.series.iter().map(|series| (series.by, series.latency.count())).collect()
}

fn report<'a>(tally: &'a Tally, model: Option<&'a Model>, said: &str) -> SwapReport<'a> {
    SwapReport {
        title: "Rehearsal",
        noun: "generation",
        command: typed(&["serverswap".to_owned(), "sh".to_owned(), "-c".to_owned(), said.to_owned()]),
        addresses: vec![":8080".to_owned()],
        is_good: false,
        verdict: format!("It says {said}."),
        notes: vec![Note { what: said.to_owned(), said: vec![said.to_owned()], advice: said.to_owned() }],
        tally,
        model,
        made: "2026-12-01 00:00 UTC.".to_owned(),
    }
}

/// As strictly as XML is read: what HTML leaves open is closed, and the line of the document type has no use in it.
fn with_parsed<T>(page: &str, look: impl FnOnce(&Document<'_>) -> T) -> T {
    let body = page.strip_prefix("<!DOCTYPE html>").expect("it says what it is");
    let closed: Vec<String> = body
        .split_inclusive('>')
        .map(|tag| match tag.rfind("<meta ") {
            Some(_) => tag.replacen('>', "/>", 1),
            None => tag.to_owned(),
        })
        .collect();
    let closed = closed.concat();
    look(&Document::parse_with_options(&closed, ParsingOptions::default()).expect("it is well-formed"))
}

#[test]
fn a_recording_says_when_each_phase_of_a_swap_was_reached() {
    let [first, second] = <[Lifecycle; 2]>::try_from(recorded()).expect("two generations");
    assert_eq!((second.started, second.ready, second.granted), (100_000, Some(381_968), Some(383_544)));
    assert_eq!((second.serving, second.takedown, second.ended), (Some(452_030), None, None));
    assert_eq!((first.takedown, first.ended), (Some(452_007), Some(515_197)));
    assert!(first.pids.contains(&20_050) && second.pids.contains(&20_259), "{first:?} {second:?}");
}

#[test]
fn what_was_recorded_before_the_rehearsal_is_left_out() {
    let lives = lifecycles(RECORDING.as_bytes(), Zero::at_boot_micros(LOAD_BEGAN), Duration::from_secs(1));
    assert_eq!(lives.len(), 1);
}

#[test]
fn an_answer_is_of_the_generation_that_accepted_connections_when_its_own_was_opened() {
    let model = Model::new(&load(Duration::from_secs(1)), &recorded());
    let answers = counts(&model);
    assert_eq!(answers, [(ServedBy::Generation(1), 90), (ServedBy::Generation(2), 108)]);
    assert_eq!(model.swaps.iter().map(Swap::is_made).collect::<Vec<_>>(), [true]);
}

#[test]
fn while_two_generations_serve_an_answer_that_names_none_may_be_of_either() {
    let model = Model::new(&load(Duration::from_secs(6)), &[generation(-1, Some(4)), generation(2, None)]);
    let by: Vec<ServedBy> = counts(&model).into_iter().map(|(by, _)| by).collect();
    assert_eq!(by, [ServedBy::Generation(1), ServedBy::Generation(2), ServedBy::Either]);
}

#[test]
fn without_a_recording_every_answer_is_there_and_nobody_is_named() {
    assert_eq!(counts(&Model::new(&load(Duration::from_secs(1)), &[])), [(ServedBy::Unknown, 198)]);
}

#[test]
fn a_start_that_never_served_is_a_swap_that_was_not_made() {
    let failed = Lifecycle { heard: 900_000, ..Lifecycle::started(500_000) };
    let model = Model::new(&load(Duration::from_secs(1)), &[generation(-1, None), failed]);
    assert!(!model.swaps[0].is_made() && model.swaps[0].old.is_none());
    assert_eq!(model.swaps[0].over(), Some(900_000));
}

#[test]
fn a_page_is_well_formed_and_refers_to_nothing_outside_of_itself() {
    let tally = Tally { timeline: Some(load(Duration::from_secs(1))), ..Tally::default() };
    let model = Model::new(tally.timeline.as_ref().expect("it is there"), &recorded());
    let text = page(&report(&tally, Some(&model), "nothing"));
    with_parsed(&text, |document| {
        for element in document.descendants().filter(roxmltree::Node::is_element) {
            assert!(!["script", "link", "img", "iframe"].contains(&element.tag_name().name()));
            for attribute in element.attributes().filter(|one| ["href", "src"].contains(&one.name())) {
                assert!(attribute.value().starts_with('#'), "{attribute:?}");
            }
        }
        let pictures = document.descendants().filter(|node| node.attribute("role") == Some("img"));
        let named = |node: &roxmltree::Node<'_, '_>| {
            node.attribute("aria-label").is_some()
                || node.attribute("aria-labelledby").is_some_and(|ids| {
                    ids.split(' ')
                        .all(|id| document.descendants().any(|node| node.attribute("id") == Some(id)))
                })
        };
        let pictures: Vec<bool> = pictures.map(|picture| named(&picture)).collect();
        assert_eq!(pictures, [true; 4]);
    });
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("url(h"));
}

#[test]
fn what_a_server_says_is_text() {
    let said = "</pre><script>alert('&')</script>\" onload=\"x";
    let text = page(&report(&Tally::default(), None, said));
    with_parsed(&text, |document| {
        assert!(!document.descendants().any(|node| node.has_tag_name("script")));
        let shown = document.descendants().find(|node| node.has_tag_name("pre")).and_then(|node| node.text());
        assert_eq!(shown, Some(said));
    });
}

#[test]
fn the_page_of_a_long_load_with_many_swaps_is_small() {
    let timeline = load(Duration::from_secs(1_200));
    let generations: Vec<Lifecycle> =
        (0..600).map(|number| generation(number * 2 - 1, Some(number * 2 + 1))).collect();
    let model = Model::new(&timeline, &generations);
    let tally = Tally { timeline: Some(timeline), ..Tally::default() };
    let text = page(&report(&tally, Some(&model), "much"));
    assert!(text.len() < 300_000, "{}", text.len());
    assert!(text.contains("60 of 599 swaps"));
}

#[test]
fn a_terminal_shows_a_line_for_each_generation_with_the_swaps_below() {
    let mut timeline = Timeline::default();
    for tenth in 0..20 {
        let at = Duration::from_millis(tenth * 100);
        let connection = timeline.opened(at);
        timeline.answered(at, connection, None, Duration::from_millis(1));
        timeline.closed(connection);
    }
    let mut failing = generation(1, None);
    failing.started = 900_000;
    let model = Model::new(&timeline, &[generation(-1, Some(1)), failing]);
    let drawn = |terminal| anstream::adapter::strip_str(&blocks(&model, "version", terminal)).to_string();
    let unicode = drawn(Terminal { width: 30, characters: Characters::Unicode });
    assert_eq!(unicode, EXPECTED);
    let ascii = drawn(Terminal { width: 30, characters: Characters::Ascii });
    assert!(ascii.is_ascii() && ascii.lines().count() == unicode.lines().count(), "{ascii}");
    let narrow = drawn(Terminal { width: 1, characters: Characters::Unicode });
    assert!(narrow.lines().all(|line| line.chars().count() <= 45), "{narrow}");
}

const EXPECTED: &str = "\
Answers by version
over 1.91 s, each column 101 ms
        1 ▄▄▄▄▄▄▄▄▄▄
        2           ▄▄▄▄▄▄▄▄█
   failed none
      p99 ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁
          1.00 ms
    swaps          ▲1";
