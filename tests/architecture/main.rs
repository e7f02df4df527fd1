//! The rooms of `src` and their files: which know which. For rooms docs/architecture.md says so; files stand in no circle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail, and says what it found"
)]

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use files::Files;

/// Which rooms a room knows.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// What every room may know: it stands for mistakes that no module has.
const BUG: &str = "bug";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files of a folder, those in its folders among them.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room of a file; `None`: the crate's own, a program's, or a test's.
fn room(file: &Path) -> Option<String> {
    let within = file.strip_prefix(root().join("src")).unwrap();
    let first = within.iter().next()?.to_str()?.trim_end_matches(".rs");
    let is_test = |part: &str| {
        let name = part.trim_end_matches(".rs");
        name == "testing" || name.ends_with("tests")
    };
    let is_part = !matches!(first, "lib" | "bin")
        && !within.iter().any(|part| part.to_str().is_some_and(is_test));
    is_part.then(|| first.to_owned())
}

/// The source without comments, and without the tests at its end.
fn code(source: &str) -> String {
    let tests = source.match_indices("\n#[cfg(test)]\n").find(|(at, _)| {
        let mut lines = source[at + 1..].lines();
        let item = lines.find(|line| !line.starts_with("#["));
        item.is_some_and(|item| item.starts_with("mod ") && item.ends_with('{'))
    });
    let product = &source[..tests.map_or(source.len(), |(at, _)| at)];
    let lines = product.lines();
    lines
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names that follow `prefix` in a source: of `crate::{a::B, c}` all of them.
fn named<'s>(code: &'s str, prefix: &str) -> BTreeSet<&'s str> {
    fn word(text: &str) -> &str {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        &text[..end.unwrap_or(text.len())]
    }
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        if code[..at].chars().next_back().is_some_and(is_name) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (1, true);
        for (index, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                c if begins && !c.is_whitespace() => {
                    found.insert(word(&list[index..]));
                    begins = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.remove("");
    found
}

/// Which room names which, and where.
fn arrows() -> BTreeMap<(String, String), Vec<String>> {
    let mut all = Vec::new();
    files(&root().join("src"), &mut all);
    let rooms: BTreeSet<String> = all.iter().filter_map(|file| room(file)).collect();
    assert!(rooms.len() > 15, "{rooms:?}");
    let mut arrows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for file in &all {
        let Some(from) = room(file) else { continue };
        let source = code(&fs::read_to_string(file).unwrap());
        for to in named(&source, "crate::") {
            if to != from && rooms.contains(to) {
                let place = file.strip_prefix(root()).unwrap().display().to_string();
                let arrow = (from.clone(), to.to_owned());
                arrows.entry(arrow).or_default().push(place);
            }
        }
    }
    arrows
}

/// The table under "Rooms" in docs/architecture.md.
fn documented() -> Arrows {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let rooms = page.split("\n## Rooms\n").nth(1).expect("a table of rooms");
    let rooms = rooms.split("\n## ").next().unwrap();
    let mut arrows = Arrows::new();
    for row in rooms.lines().filter(|line| line.starts_with("| `src/")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, folders, _, knows, _] = cells[..] else {
            panic!("a row has three cells: {row}");
        };
        let knows: BTreeSet<String> = quoted(knows).map(str::to_owned).collect();
        for folder in quoted(folders) {
            let name = folder.trim_start_matches("src/").trim_end_matches(".rs");
            arrows.insert(name.to_owned(), knows.clone());
        }
    }
    arrows
}

/// What stands in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A way from a room back to itself; empty where there is none.
fn circle(arrows: &Arrows) -> Vec<String> {
    fn walk(arrows: &Arrows, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        let here = way.last().unwrap().clone();
        for next in arrows.get(&here).into_iter().flatten() {
            if let Some(begin) = way.iter().position(|room| room == next) {
                way.drain(..begin);
                way.push(next.clone());
                return true;
            }
            if !done.contains(next) {
                way.push(next.clone());
                if walk(arrows, way, done) {
                    return true;
                }
                way.pop();
            }
        }
        done.insert(here);
        false
    }
    let mut done = BTreeSet::new();
    for room in arrows.keys() {
        let mut way = vec![room.clone()];
        if !done.contains(room) && walk(arrows, &mut way, &mut done) {
            return way;
        }
    }
    Vec::new()
}

#[test]
fn every_arrow_between_rooms_is_on_the_page() {
    let documented = documented();
    for ((from, to), files) in arrows() {
        let known = documented
            .get(&from)
            .unwrap_or_else(|| panic!("docs/architecture.md has no row for src/{from}"));
        assert!(
            known.contains(&to) || to == BUG,
            "{files:?} know {to}, which docs/architecture.md does not say of {from}: {known:?}"
        );
    }
}

#[test]
fn every_arrow_on_the_page_is_one() {
    let found = arrows();
    for (from, known) in documented() {
        for to in known {
            let is_one = found.contains_key(&(from.clone(), to.clone()));
            assert!(is_one, "{from} does not know {to} any more");
        }
    }
}

#[test]
fn no_room_knows_itself_by_way_of_others() {
    let mut rooms = Arrows::new();
    for (from, to) in arrows().into_keys() {
        rooms.entry(from).or_default().insert(to);
    }
    assert_eq!(circle(&rooms), Vec::<String>::new());
}

#[test]
fn no_file_needs_itself_by_way_of_others() {
    let mut all = Vec::new();
    files(&root().join("src"), &mut all);
    let mut files = Files::default();
    for file in all.iter().filter(|file| room(file).is_some()) {
        let place = file.strip_prefix(root()).unwrap().display().to_string();
        files.add(&place, &fs::read_to_string(file).unwrap());
    }
    let none: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
    assert_eq!(files.circles(), none);
}

/// What the tests above go by finds what it is to find.
#[test]
fn names_and_circles_are_found() {
    let source = "use crate::a::B;\nuse crate::{c, d::{E, f}, g};\n// crate::h\nlet x = crate::i::j();\nmacro $crate::k;";
    let source = code(source);
    let found: Vec<&str> = named(&source, "crate::").into_iter().collect();
    assert_eq!(found, ["a", "c", "d", "g", "i"]);
    let arrows = |pairs: &[(&str, &str)]| {
        let mut arrows = Arrows::new();
        for (from, to) in pairs {
            let known = arrows.entry((*from).to_owned()).or_default();
            known.insert((*to).to_owned());
        }
        arrows
    };
    assert!(circle(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "b")]));
    assert_eq!(found, ["b", "c", "b"]);
}
