//! The files of `src`: which names which, by their paths, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use super::code;

/// How many re-exports may stand between a path and the file that it leads to.
const MAX_REEXPORTS: u8 = 8;

/// The product's files, each by its module, such as `config::reader`.
#[derive(Default)]
pub(crate) struct Files(BTreeMap<Vec<String>, File>);

/// Which modules a module needs.
type Needs<'f> = BTreeMap<&'f [String], BTreeSet<&'f [String]>>;

struct File {
    /// Where the file stands, such as `src/config/reader.rs`.
    place: String,
    paths: Vec<Named>,
}

/// A path in the code of a file.
struct Named {
    path: Vec<String>,
    /// The name that a `use` line gives to the path in this file.
    name: Option<String>,
    /// A re-export is for others: the file itself does not need what stands at the path.
    is_reexport: bool,
}

impl Files {
    /// Adds a file. Its tests do not count.
    pub(crate) fn add(&mut self, place: &str, source: &str) {
        let module = place.trim_start_matches("src/").trim_end_matches(".rs");
        let module = module.trim_end_matches("/mod").split('/');
        let file = File {
            place: place.to_owned(),
            paths: paths(&code(source)),
        };
        self.0.insert(module.map(str::to_owned).collect(), file);
    }

    /// The files that need themselves by way of others: a set for each circle. Circles that meet are one.
    pub(crate) fn circles(&self) -> BTreeSet<BTreeSet<&str>> {
        let modules = self.0.keys().map(Vec::as_slice);
        let needs: Needs<'_> = modules.map(|from| (from, self.needs(from))).collect();
        let reached: Needs<'_> = needs
            .keys()
            .map(|from| (*from, reached(&needs, from)))
            .collect();
        let circle = |from: &[String]| -> BTreeSet<&str> {
            let there_and_back = reached[from]
                .iter()
                .filter(|to| reached[*to].contains(from));
            there_and_back
                .map(|to| self.0[*to].place.as_str())
                .collect()
        };
        let circles = reached.keys().map(|from| circle(from));
        circles.filter(|circle| !circle.is_empty()).collect()
    }

    /// The modules that a module needs directly.
    fn needs(&self, from: &[String]) -> BTreeSet<&[String]> {
        let paths = self.0[from].paths.iter();
        paths
            .filter(|named| !named.is_reexport)
            .filter_map(|named| self.home(&self.absolute(from, &named.path)?, MAX_REEXPORTS))
            .filter(|to| *to != from)
            .collect()
    }

    /// A path as seen from the root of the crate. `None`: the path leads to another crate, or stays within the file.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&module[..0], &path[1..]),
            "self" => (module, &path[1..]),
            "super" => (
                &module[..module.len().checked_sub(supers)?],
                &path[supers..],
            ),
            _ if self.0.contains_key(&[module, &path[..1]].concat()) => (module, path),
            _ => return None,
        };
        Some([base, rest].concat())
    }

    /// The module whose file defines what stands at a path from the root of the crate.
    fn home(&self, path: &[String], reexports: u8) -> Option<&[String]> {
        let (module, file, rest) = (1..=path.len()).rev().find_map(|length| {
            let (module, file) = self.0.get_key_value(&path[..length])?;
            Some((module, file, &path[length..]))
        })?;
        let through = || {
            let (first, rest) = rest.split_first()?;
            let is_it = |named: &&Named| named.name.as_ref() == Some(first);
            let target = &file.paths.iter().find(is_it)?.path;
            let target = self.absolute(module, target)?;
            self.home(&[&target, rest].concat(), reexports.checked_sub(1)?)
        };
        Some(through().unwrap_or(module))
    }
}

/// The modules that a module needs, directly or by way of others.
fn reached<'f>(needs: &Needs<'f>, from: &'f [String]) -> BTreeSet<&'f [String]> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        open.extend(needs[module].iter().filter(|to| found.insert(**to)));
    }
    found
}

/// All paths in some code: those of its `use` lines, and those in between.
fn paths(code: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let (is_reexport, item) = without_visibility(line.trim());
        let Some(tree) = item.strip_prefix("use ") else {
            found.extend(paths_between(line));
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            tree.push_str(lines.next().expect("a `use` line ends"));
        }
        let tree = tree.split(';').next().unwrap_or_default();
        found.extend(leaves(tree).iter().map(|leaf| {
            let (path, name) = leaf.split_once(" as ").unwrap_or((leaf, ""));
            let mut path: Vec<String> = path.split("::").map(|p| p.trim().to_owned()).collect();
            path.pop_if(|last| last == "self" || last == "*");
            Named {
                name: Some(name.trim().to_owned())
                    .filter(|name| !name.is_empty())
                    .or_else(|| path.last().cloned()),
                path,
                is_reexport,
            }
        }));
    }
    found
}

/// Whether an item is for others too, and the item.
fn without_visibility(line: &str) -> (bool, &str) {
    let Some(rest) = line.strip_prefix("pub") else {
        return (false, line);
    };
    let of_some = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    (true, of_some.map_or(rest, |(_, item)| item).trim_start())
}

/// The paths of a `use` line: of `a::{b, c::d}` these are `a::b` and `a::c::d`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((prefix, list)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let list = list.trim_end().strip_suffix('}').expect("a list ends");
    let mut depth = 0;
    let branches = list.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    branches
        .filter(|branch| !branch.trim().is_empty())
        .flat_map(leaves)
        .map(|leaf| format!("{}{leaf}", prefix.trim()))
        .collect()
}

/// The paths of a line that is no `use` line. A macro's own (`$crate::…`) are left out.
fn paths_between(line: &str) -> impl Iterator<Item = Named> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$');
    let words = line.split(move |c| !is_part(c));
    let paths = words.filter(|word| word.contains("::") && !word.starts_with(['$', ':']));
    paths.map(|path| Named {
        path: path
            .split("::")
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        name: None,
        is_reexport: false,
    })
}

/// The finder finds circles, and only those.
#[test]
fn circles_of_files_are_found() {
    let circles = |sources: &[(&str, &str)]| {
        let mut files = Files::default();
        for (place, source) in sources {
            files.add(place, source);
        }
        let circles = files.circles().into_iter();
        circles
            .map(|circle| circle.into_iter().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    let room = "mod a;\nmod b;\npub use a::A;\npub(crate) use b::{B as C};";
    let a = "use super::C;\npub struct A(C);";
    let with = |b: &str| {
        circles(&[
            ("src/room/mod.rs", room),
            ("src/room/a.rs", a),
            ("src/room/b.rs", b),
            ("src/other.rs", "pub use crate::room::A as D;"),
        ])
    };
    let none: [&str; 0] = [];
    assert_eq!(with("use std::rc::Rc;\n// use super::A;"), none);
    let test = "#[cfg(test)]\n#[expect(x)]\nmod tests {\n    use super::super::A;\n}";
    assert_eq!(with(test), none);
    for b in [
        "use super::A;",
        "use std::{\n    fs,\n    io,\n};\nuse crate::{\n    bug::{Bug, bug},\n    room::{A, C},\n};",
        "use super::a::{self, A};",
        "fn f() -> super::A {}",
        "use crate::other::D;",
    ] {
        assert_eq!(with(b), ["src/room/a.rs src/room/b.rs"], "{b}");
    }
    let of_room = circles(&[
        ("src/room/mod.rs", "mod a;\nuse a::A;\npub enum E {}"),
        ("src/room/a.rs", "use super::E;"),
    ]);
    assert_eq!(of_room, ["src/room/a.rs src/room/mod.rs"]);
}
