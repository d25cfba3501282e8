//! The map is true: who may name whom (docs/ARCHITECTURE.md), read off the sources. There is no list of
//! exceptions: a rule that is wrong is changed here and in the map.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The longest file that one can still hold in the head.
const LINES_MAX: usize = 600;

/// A source file.
struct Source {
    /// Its path below `src/`, such as `world/tape/mod.rs`.
    path: String,
    text: String,
    /// The text without comments and the insides of literals.
    code: String,
}

impl Source {
    fn is_in(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '.']))
    }

    /// Its module's path: `surface/polysim/error.rs` is `surface::polysim::error`.
    fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        let parts = path.split('/').filter(|part| !["mod", "lib", "main"].contains(part));
        parts.map(str::to_owned).collect()
    }

    /// Whether its code has a word, not as a part of a longer one.
    fn names(&self, word: &str) -> bool {
        self.code.match_indices(word).any(|(at, _)| {
            let before = self.code[..at].chars().next_back();
            let after = self.code[at + word.len()..].chars().next();
            ![before, after].into_iter().flatten().any(is_word)
        })
    }

    /// Every path into the crate, from its root: `crate::a::{b, c::d}` is two. Those into the standard library
    /// begin with `std`.
    fn paths(&self) -> BTreeSet<Vec<String>> {
        let mut all = BTreeSet::new();
        for (start, _) in self.code.match_indices("::") {
            let before = &self.code[..start];
            let word = before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
            // Only where a path begins.
            if before[..word].ends_with("::") {
                continue;
            }
            let mut base = match &before[word..] {
                "crate" => Vec::new(),
                "std" => vec!["std".to_owned()],
                "super" => {
                    let mut module = self.module();
                    module.pop();
                    module
                }
                _ => continue,
            };
            let mut rest = &self.code[start + 2..];
            while let Some(further) = rest.strip_prefix("super::") {
                base.pop();
                rest = further;
            }
            branch(&base, rest, &mut all);
        }
        all
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads one tree of a `use`, or a plain path, and gives what is left behind it.
fn branch<'a>(base: &[String], text: &'a str, all: &mut BTreeSet<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = branch(base, rest, all).trim_start();
            match rest.strip_prefix(',') {
                Some(further) if !further.trim_start().starts_with('}') => rest = further,
                Some(further) => return further.trim_start().trim_start_matches('}'),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let mut path = base.to_vec();
    if !word.is_empty() {
        path.push(word.to_owned());
    }
    if let Some(rest) = rest.strip_prefix("::")
        && rest.trim_start().starts_with(|c: char| is_word(c) || c == '{' || c == '*')
    {
        return branch(&path, rest, all);
    }
    all.insert(path);
    let rest = rest.trim_start_matches('*');
    rest.find([',', '}', ';'])
        .map_or("", |at| if rest[..at].trim_start().starts_with("as ") { &rest[at..] } else { rest })
}

/// Blanks comments and the insides of strings and characters.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if c == '"' {
            end_of_string(rest)
        } else if c == 'r' && !code.ends_with(is_word) && rest[1..].trim_start_matches('#').starts_with('"') {
            let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
            let close = format!("\"{}", "#".repeat(hashes));
            let body = hashes + 2;
            rest[body..].find(&close).map_or(rest.len(), |at| body + at + close.len())
        } else if c == '\'' {
            end_of_character(rest)
        } else {
            0
        };
        if skipped > 0 {
            code.push_str("\"\"");
            rest = &rest[skipped..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = true;
    for (at, c) in text.char_indices() {
        match c {
            '\\' => escaped = !escaped,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A character's literal, unless it is a lifetime.
fn end_of_character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => text[3..].find('\'').map_or(0, |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("it can be read") {
            let path: PathBuf = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("it can be read");
                let name = path.strip_prefix(&root).expect("it lies below").to_string_lossy().into_owned();
                all.push(Source { path: name, code: code_of(&text), text });
            }
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(all.len() > 20, "the sources were not found");
    all
}

/// What a file may name, by where it lies; none if it may name everything.
fn may_name(source: &Source) -> Option<Vec<String>> {
    let module = source.module();
    let own = module.first().cloned().unwrap_or_default();
    let below: &[&str] = match own.as_str() {
        "types" => &[],
        "exchange" | "identity" | "http" => &["types"],
        "world" => &["identity", "exchange", "types"],
        "service" => &["world", "identity", "exchange", "types"],
        "surface" => &["service", "http", "types"],
        // The command line stands above everything, and the front page lists it all.
        "cli" | "config" | "" => return None,
        other => panic!("{}: the map has no place called {other:?}", source.path),
    };
    let mut all: Vec<String> = below.iter().map(|&name| name.to_owned()).collect();
    match module.get(1) {
        // A surface may name itself, not its neighbours.
        Some(surface) if own == "surface" => all.push(format!("surface::{surface}")),
        _ => all.push(own),
    }
    Some(all)
}

/// Fails with everything that breaks a rule at once.
fn check(rule: &str, broken: impl IntoIterator<Item = String>) {
    let mut told = String::new();
    for one in broken {
        writeln!(told, "  {one}").expect("a string takes everything");
    }
    assert!(told.is_empty(), "{rule}:\n{told}");
}

/// The files outside some folders that name a word.
fn strangers(sources: &[Source], word: &str, allowed: &[&str]) -> Vec<String> {
    let outside = sources.iter().filter(|source| !allowed.iter().any(|folder| source.is_in(folder)));
    outside
        .filter(|source| source.names(word))
        .map(|source| format!("{} names {word}", source.path))
        .collect()
}

#[test]
fn no_arrow_runs_upward_or_sideways() {
    let all = sources();
    check(
        "a module may name only those below it",
        all.iter().flat_map(|source| {
            let allowed = may_name(source);
            let strays = source.paths().into_iter().filter(move |path| {
                // What the crate's root itself holds is not a layer, such as a macro.
                let layer = path.first().is_some_and(|first| LAYERS.contains(&first.as_str()));
                let name = path.join("::");
                let is_below = |folder: &String| {
                    name.strip_prefix(folder.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                };
                layer && allowed.as_ref().is_some_and(|allowed| !allowed.iter().any(is_below))
            });
            strays.map(|path| format!("{} names {}", source.path, path.join("::"))).collect::<Vec<_>>()
        }),
    );
}

const LAYERS: [&str; 9] =
    ["types", "exchange", "identity", "world", "service", "http", "surface", "cli", "config"];

#[test]
fn only_the_table_of_routes_names_all_surfaces() {
    let all = sources();
    let surfaces: BTreeSet<String> = all
        .iter()
        .filter_map(|source| {
            source.path.strip_prefix("surface/")?.split_once('/').map(|(name, _)| name.to_owned())
        })
        .collect();
    // With one surface there is nothing to tell apart.
    let named = |source: &Source| {
        let paths = source.paths();
        let of = |surface: &String| {
            paths.iter().any(|path| path.len() > 1 && path[0] == "surface" && path[1] == *surface)
        };
        surfaces.iter().filter(|surface| of(surface)).count()
    };
    check(
        "only surface/mod.rs may name several surfaces",
        all.iter()
            .filter(|source| source.path != "surface/mod.rs" && named(source) > 1)
            .map(|source| source.path.clone()),
    );
}

#[test]
fn the_core_is_pure() {
    let all = sources();
    let impure =
        ["tokio", "actix_web", "actix_http", "actix_ws", "rusqlite", "rand", "rand_chacha", "getrandom"];
    let outside = ["std::time", "std::fs", "std::net", "std::thread", "std::env", "std::io"];
    let pure = all.iter().filter(|source| source.is_in("exchange") || source.is_in("identity"));
    check(
        "exchange and identity know no clock, file, socket, thread or chance",
        pure.flat_map(|source| {
            let found = impure.iter().chain(&outside).filter(|word| source.names(word));
            found.map(|word| format!("{} names {word}", source.path)).collect::<Vec<_>>()
        }),
    );
}

#[test]
fn one_place_reads_the_clock_and_one_speaks_sql() {
    let all = sources();
    // The runtime's own timers wait, and tell no time.
    let clocks = ["std::time::Instant", "std::time::SystemTime"];
    let names_clock = |source: &Source| {
        let asks = source.names("Timestamp::now") || source.names("Zoned::now");
        asks || source.paths().iter().any(|path| clocks.contains(&path.join("::").as_str()))
    };
    check(
        "only world/clock.rs asks the machine for the time",
        all.iter()
            .filter(|source| !source.is_in("world/clock") && names_clock(source))
            .map(|source| source.path.clone()),
    );
    check("only the ledger speaks SQL", strangers(&all, "rusqlite", &["world/ledger"]));
    let web = ["actix_web", "actix_http", "actix_ws", "actix_rt", "awc"];
    check(
        "only http, the surfaces and the command line know actix",
        web.iter().flat_map(|word| strangers(&all, word, &["http", "surface", "cli"])),
    );
}

#[test]
fn every_surface_answers_every_refusal() {
    let all = sources();
    let errors =
        all.iter().filter(|source| source.path.starts_with("surface/") && source.path.ends_with("/error.rs"));
    check(
        "a surface's error.rs matches Reject without a wildcard",
        errors.flat_map(|source| {
            let lines =
                source.code.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with("_ =>"));
            lines.map(|(_, number)| format!("{}:{number}", source.path)).collect::<Vec<_>>()
        }),
    );
}

#[test]
fn every_file_can_be_held_in_the_head() {
    check(
        "a file has at most 600 lines",
        sources().iter().filter_map(|source| {
            let lines = source.text.lines().count();
            (lines > LINES_MAX).then(|| format!("{} has {lines}", source.path))
        }),
    );
}

#[test]
fn the_map_shows_every_folder() {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ARCHITECTURE.md");
    let map = std::fs::read_to_string(map).expect("the map is there");
    let folders: BTreeSet<String> =
        sources().iter().filter_map(|source| Some(source.path.split_once('/')?.0.to_owned())).collect();
    check(
        "docs/ARCHITECTURE.md has a line for every folder of src/",
        folders.into_iter().filter(|folder| !map.contains(&format!("`{folder}`"))),
    );
}

#[test]
fn paths_are_found_in_any_form() {
    let text = r##"
        //! crate::comment is none.
        use crate::types::{Usd, order::{Side, Size as Much}, *};
        pub(crate) use crate::world;
        fn one() -> crate::service::Thing<crate::http::Other> { "crate::text" }
        const C: [char; 2] = ['"', '\''];
        const RAW: &str = r#"crate::raw"#;
        use super::super::sim::wire;
        use super::{error, wire::Order};
        use std::time::{Duration, Instant};
    "##;
    let source =
        Source { path: "surface/polysim/orders.rs".to_owned(), code: code_of(text), text: String::new() };
    let found: Vec<String> = source.paths().iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        [
            "http::Other",
            "service::Thing",
            "std::time::Duration",
            "std::time::Instant",
            "surface::polysim::error",
            "surface::polysim::wire::Order",
            "surface::sim::wire",
            "types",
            "types::Usd",
            "types::order::Side",
            "types::order::Size",
            "world",
        ]
    );
}
