//! The input buffer: no needless copies, no second search for a line end.

use super::*;
use crate::icap::testing::test;

#[test]
fn a_push_into_an_empty_input_copies_nothing() {
    let mut input = Input::default();
    for _ in 0..3 {
        let bytes = b"0123456789".to_vec();
        let at = bytes.as_ptr();
        input.push(bytes);
        assert_eq!(input.unread().as_ptr(), at);
        assert_eq!(input.take(100).as_ptr(), at);
    }
}

#[test]
fn a_line_end_is_searched_once_in_each_byte() {
    let mut input = Input::default();
    for n in 1..=1000 {
        input.push(b"x".to_vec());
        assert_eq!(input.take_line(2000), Ok(None));
        assert_eq!(input.searched, n);
    }
    input.push(b"\nnext\n".to_vec());
    assert_eq!(input.take_line(2000).unwrap().unwrap().len(), 1001);
    assert_eq!(input.take_line(2000), Ok(Some(b"next\n".as_slice())));
}

#[test]
fn memory_is_bounded_by_the_unread_bytes() {
    let mut input = Input::default();
    input.push(vec![b'x'; 10]);
    for _ in 0..10_000 {
        input.push(vec![b'x'; 10]);
        assert_eq!(input.take(10).len(), 10);
        assert_eq!(input.unread().len(), 10);
        assert!(input.bytes.len() <= 40);
    }
}

#[test]
fn a_line_may_fill_its_budget_and_no_more() {
    let mut input = Input::default();
    input.push(b"abc\n".to_vec());
    assert_eq!(input.take_line(3), Err(LineTooLong));
    assert_eq!(input.take_line(4), Ok(Some(b"abc\n".as_slice())));
    input.push(b"abc".to_vec());
    assert_eq!(input.take_line(4), Ok(None));
    assert_eq!(input.take_line(3), Err(LineTooLong));
}
