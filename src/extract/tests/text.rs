//! `data:` URLs in texts.

use super::{HELD, LONG, test, told};

#[test]
fn data_urls_in_any_text() {
    let html = format!(
        "<img src=\"data:image/png;base64,{LONG}\"><a style='background: url(data:image/gif;charset=x;base64,{LONG})'>\
        ;base64;base64,short \";BASE64,{}\" data:text/plain,{LONG} ;base64,{LONG}",
        LONG.replace("IH", "I\n  H")
    );
    let expected: Vec<_> = ["data:0", "data:1", "data:3", "data:4"]
        .map(|name| (name.to_owned(), HELD.to_owned()))
        .into();
    assert_eq!(told("text/html", &html), expected);
    assert_eq!(told("", &html), expected);
}

#[test]
fn text_without_them() {
    for text in ["", "text", ";base64,", ";base64,QUJD", "base64,", LONG] {
        assert_eq!(told("text/plain", text), [], "{text:?}");
    }
}
