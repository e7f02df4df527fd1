//! A line of shell, as far as the documentation uses it.

/// The words of one program's call.
pub type Call = Vec<String>;

/// The calls of a line, pipe by pipe: `a | b && c` is `[[a, b], [c]]`. A comment ends the line.
pub fn parse(line: &str) -> Result<Vec<Vec<Call>>, String> {
    let mut pipes = vec![vec![Call::new()]];
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let operator = ["&&", "|", ">", "<", ";", "&", "$("]
            .into_iter()
            .find(|operator| rest.starts_with(operator));
        let last = pipes.last_mut().unwrap();
        match operator {
            Some("&&") => pipes.push(vec![Call::new()]),
            Some("|") => last.push(Call::new()),
            Some(other) => return Err(format!("{other} is not looked into")),
            None if first == '#' => break,
            None => {
                let (word, after) = word(rest)?;
                last.last_mut().unwrap().push(word);
                rest = after.trim_start();
                continue;
            }
        }
        rest = rest[operator.unwrap().len()..].trim_start();
    }
    if pipes.iter().flatten().any(Vec::is_empty) {
        return Err("a program is missing".to_owned());
    }
    Ok(pipes)
}

/// The first word without its quotes, and what follows it.
fn word(text: &str) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c.is_whitespace() => return Ok((word, &text[at..])),
            None => word.push(c),
        }
    }
    match quote {
        Some(open) => Err(format!("{open} is not closed")),
        None => Ok((word, "")),
    }
}

#[test]
fn lines_are_parsed() {
    let parsed = parse("a 'b | c' \"d\"e | f && g   # h").unwrap();
    assert_eq!(
        parsed,
        [vec![vec!["a", "b | c", "de"], vec!["f"]], vec![vec!["g"]]]
    );
    for (wrong, why) in [
        ("a >b", "> is not"),
        ("a 'b", "not closed"),
        ("a |", "missing"),
        ("&& a", "missing"),
        ("", "missing"),
    ] {
        assert!(parse(wrong).unwrap_err().contains(why), "{wrong}");
    }
}
