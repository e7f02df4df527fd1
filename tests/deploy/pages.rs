//! The pages of the documentation, and the code in them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{files_below, root};

/// What a block of code may be. Anything else could hide what no test looks at.
const LANGUAGES: [&str; 5] = ["console", "json", "sh", "text", "yaml"];

/// A fenced block of code.
#[derive(Debug)]
pub struct Block {
    /// What it says that it is.
    pub language: String,
    /// The file, from the repository's root.
    page: String,
    /// The number of its first line.
    first: usize,
    /// Its lines, without the indentation of its fence.
    pub lines: Vec<String>,
}

impl Block {
    /// Its text.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Where its line of that number, counted from 0, is found.
    pub fn place(&self, line: usize) -> String {
        format!("{}:{}", self.page, self.first + line)
    }
}

/// A piece of code in a sentence.
#[derive(Debug)]
pub struct Span {
    /// Where it is found.
    pub place: String,
    /// The code.
    pub text: String,
}

/// A page, taken apart.
#[derive(Debug, Default)]
pub struct Page {
    /// Its blocks of code.
    pub blocks: Vec<Block>,
    /// The code in its sentences.
    pub spans: Vec<Span>,
    /// Where code stands that no fence says the language of.
    unfenced: Vec<String>,
}

/// Every page.
pub fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["docs", "deploy", "envoy"]
        .into_iter()
        .flat_map(files_below)
        .collect();
    let top = root().read_dir().unwrap();
    pages.extend(top.map(|entry| entry.unwrap().path()));
    pages.retain(|path| path.extension().is_some_and(|e| e == "md"));
    pages.sort();
    pages
}

/// A file's name from the repository's root.
fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

/// Takes a page apart.
pub fn read(page: &Path) -> Page {
    take_apart(&name(page), &std::fs::read_to_string(page).unwrap())
}

fn take_apart(name: &str, text: &str) -> Page {
    let mut page = Page::default();
    let mut after_text = false;
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside = lines.by_ref().take_while(|(_, line)| line.trim() != "```");
            page.blocks.push(Block {
                language: language.trim().to_owned(),
                page: name.to_owned(),
                first: number + 1,
                lines: inside
                    .map(|(_, line)| line.get(indent..).unwrap_or_default().to_owned())
                    .collect(),
            });
            after_text = false;
        } else {
            if indent >= 4 && !after_text {
                page.unfenced.push(format!("{name}:{number}"));
            }
            after_text = !line.trim().is_empty();
            let spans = line.split('`').skip(1).step_by(2);
            page.spans.extend(spans.map(|text| Span {
                place: format!("{name}:{number}"),
                text: text.to_owned(),
            }));
        }
    }
    page
}

/// The code in the comments of the files that `docker compose` starts from.
pub fn spans_of_comments() -> Vec<Span> {
    let files = [
        "docker-compose.yml",
        "docker/prebuilt.yml",
        "docker/envoy/envoy.yaml",
    ];
    let mut spans = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let comment = line.split_once('#').map_or("", |(_, comment)| comment);
            spans.extend(comment.split('`').skip(1).step_by(2).map(|text| Span {
                place: format!("{file}:{number}"),
                text: text.to_owned(),
            }));
        }
    }
    spans
}

#[test]
fn every_block_says_what_it_is() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for path in pages() {
        let page = read(&path);
        faults.extend(
            page.unfenced
                .iter()
                .map(|place| format!("{place}: code without a fence")),
        );
        for block in &page.blocks {
            if !LANGUAGES.contains(&block.language.as_str()) {
                faults.push(format!("{}: what is {:?}?", block.place(0), block.language));
            }
            seen.insert(block.language.clone());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(seen.len(), LANGUAGES.len(), "{seen:?}");
}

#[test]
fn a_page_is_taken_apart() {
    let page = take_apart(
        "x.md",
        "Do `make a` or\n`make b`:\n\n    make c\n\n1. Then\n\n   ```sh\n   make d\n   ```\n",
    );
    let spans: Vec<&str> = page.spans.iter().map(|span| &*span.text).collect();
    assert_eq!(spans, ["make a", "make b"]);
    assert_eq!(page.unfenced, ["x.md:4"]);
    let [block] = &page.blocks[..] else {
        panic!("{page:?}")
    };
    assert_eq!(
        (&*block.language, &*block.text(), block.place(0)),
        ("sh", "make d\n", "x.md:9".to_owned())
    );
}
