//! Every fuzz target over its seeds and their mutations, for machines without nightly Rust.
//!
//! `FUZZ_SECONDS=60 cargo test -p tensorferry-hostile --test targets` goes on for that long for each
//! target; without it each gets the mutations that its row says. `FUZZ_TARGET=p3_zip` runs one.

#![allow(clippy::print_stderr, reason = "what was tried, for those who ask with --nocapture")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tensorferry_hostile::mutate::{Random, mutate};
use tensorferry_hostile::{TARGETS, Target, sweep};

fn seconds() -> Option<u64> {
    std::env::var("FUZZ_SECONDS").ok()?.parse().ok()
}

/// Input `i` of a target: first its seeds, then mutations of them.
fn input(seeds: &[Vec<u8>], i: usize) -> Vec<u8> {
    if let Some(seed) = seeds.get(i) {
        return seed.clone();
    }
    let mut random = Random::new(i as u64);
    let bytes = &seeds[random.below(seeds.len())];
    let other = &seeds[random.below(seeds.len())];
    mutate(bytes, other, &mut random)
}

fn run(name: &str) {
    let Target { run, seeds, mutations, .. } =
        TARGETS.iter().find(|target| target.name == name).expect("it is in the table");
    let seeds = seeds();
    assert!(seeds.len() >= 2, "{name} has {} seeds", seeds.len());
    let slowest = AtomicU64::new(0);
    let case = |i: usize| {
        let start = Instant::now();
        run(&input(&seeds, i));
        let took = start.elapsed();
        slowest.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
        // The limit of a refusal is 1 s; tests are not optimized and run side by side.
        assert!(took < Duration::from_secs(10), "it took {took:?}");
    };
    let describe = |i: usize| {
        let path = std::env::temp_dir().join(format!("tensorferry-{name}-{i}"));
        let kept = std::fs::write(&path, input(&seeds, i)).is_ok();
        format!("input {i}{}", if kept { format!(" ({})", path.display()) } else { String::new() })
    };
    let start = Instant::now();
    let mut n = sweep::run(name, seeds.len() + mutations, 1, describe, case);
    while seconds().is_some_and(|seconds| start.elapsed() < Duration::from_secs(seconds)) {
        let from = n;
        n += sweep::run(name, 10_000, 1, |i| describe(from + i), |i| case(from + i));
    }
    let per_second = n as f64 / start.elapsed().as_secs_f64();
    let slowest = slowest.into_inner();
    eprintln!("{name:<16} {n} inputs, {per_second:.0} a second, the slowest {slowest} ms");
}

#[test]
fn every_target_survives_its_seeds_and_their_mutations() {
    let wanted = std::env::var("FUZZ_TARGET").ok();
    let chosen = |target: &&Target| wanted.as_ref().is_none_or(|name| name == target.name);
    let broken = TARGETS
        .iter()
        .filter(chosen)
        .filter(|target| std::panic::catch_unwind(|| run(target.name)).is_err());
    let broken: Vec<&str> = broken.map(|target| target.name).collect();
    assert!(broken.is_empty(), "see above: {broken:?}");
}

/// A new target needs its three lines in `tasks/fuzz`.
#[test]
fn every_target_has_its_fuzz_target() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("it is there");
    for target in &TARGETS {
        let file = folder.join(format!("fuzz_targets/{}.rs", target.name));
        let text = std::fs::read_to_string(&file).expect("every target has its file");
        assert!(text.contains(&format!("targets::{}(data)", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}
