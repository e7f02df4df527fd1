use super::*;

const LIMIT: u64 = 100;

fn framed(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u32;
    let prefix = Prefix {
        is_compressed: false,
        length,
    };
    [prefix.bytes(), content.to_vec()].concat()
}

fn call(budget: &Budget) -> GrpcMessages {
    GrpcMessages::new(budget, Fields::new())
}

fn taken(call: &mut GrpcMessages) -> Vec<u8> {
    call.release().unwrap();
    call.take(u64::MAX).concat()
}

fn content(message: &NextMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message
        .content
        .read(0..message.content.end(), &mut bytes)
        .unwrap();
    bytes
}

#[test]
fn messages_go_on_in_order_whichever_is_decided_first() {
    let budget = Budget::new(10_000);
    let mut call = call(&budget);
    let body: Vec<u8> = [&b"one"[..], b"two", b"three"]
        .iter()
        .flat_map(|it| framed(it))
        .collect();
    for byte in &body {
        call.take_in(vec![*byte], LIMIT).unwrap();
    }
    let shown: Vec<NextMessage> = std::iter::from_fn(|| call.next(2, 0)).collect();
    assert_eq!(
        shown.iter().map(content).collect::<Vec<_>>(),
        [b"one", b"two"]
    );
    assert_eq!(
        call.shown(shown[1].index).map(|(number, _)| number),
        Some(1)
    );
    call.decide(shown[1].number, None);
    assert_eq!(taken(&mut call), b"");
    let third = call.next(2, 0).unwrap();
    call.decide(shown[0].number, None);
    assert_eq!(taken(&mut call), body[..16]);
    assert!(!call.is_done());
    call.decide(third.number, None);
    assert_eq!(taken(&mut call), body[16..]);
    assert!(call.is_done() && call.end().is_ok());
    assert_eq!((call.held(), budget.used()), (0, 0));
}

#[test]
fn a_changed_message_gets_a_prefix_of_its_own() {
    let budget = Budget::new(10_000);
    let mut call = call(&budget);
    call.take_in([framed(b"old"), framed(b"same")].concat(), LIMIT)
        .unwrap();
    let first = call.next(9, 0).unwrap();
    let second = call.next(9, 0).unwrap();
    let mut new = Held::new(&budget);
    new.extend(b"something else").unwrap();
    call.decide(first.number, Some(new));
    call.decide(second.number, None);
    assert_eq!(
        taken(&mut call),
        [framed(b"something else"), framed(b"same")].concat()
    );
}

#[test]
fn an_empty_message_is_not_shown_and_keeps_its_place() {
    let budget = Budget::new(10_000);
    let mut call = call(&budget);
    call.take_in([framed(b"x"), framed(b"")].concat(), LIMIT)
        .unwrap();
    let first = call.next(9, 0).unwrap();
    assert!(call.next(9, 0).is_none());
    assert_eq!(taken(&mut call), b"");
    call.decide(first.number, None);
    assert_eq!(taken(&mut call), [framed(b"x"), framed(b"")].concat());
}

#[test]
fn a_message_that_is_too_long_passes_only_where_that_was_said() {
    let budget = Budget::new(10_000);
    let mut call = call(&budget);
    let long = framed(&[7; LIMIT as usize + 1]);
    let body = [framed(b"x"), long, framed(b"y")].concat();
    call.take_in(body[..50].to_vec(), LIMIT).unwrap();
    let first = call.next(9, 0).unwrap();
    call.decide(first.number, None);
    assert_eq!(call.too_long(), Some(1));
    assert_eq!(taken(&mut call), framed(b"x"));
    call.pass(1);
    assert_eq!(call.too_long(), None);
    assert_eq!(taken(&mut call), body[6..50]);
    call.take_in(body[50..].to_vec(), LIMIT).unwrap();
    let last = call.next(9, 0).unwrap();
    assert_eq!(taken(&mut call), body[50..body.len() - 6]);
    call.decide(last.number, None);
    assert_eq!(taken(&mut call), framed(b"y"));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_message_that_ends_the_call_takes_with_it_what_follows() {
    let budget = Budget::new(10_000);
    let mut call = call(&budget);
    call.take_in([framed(b"1"), framed(b"2"), framed(b"3")].concat(), LIMIT)
        .unwrap();
    let shown: Vec<NextMessage> = std::iter::from_fn(|| call.next(9, 0)).collect();
    call.end_before(shown[1].number);
    call.take_in(framed(b"4"), LIMIT).unwrap();
    call.decide(shown[2].number, None);
    call.decide(shown[0].number, None);
    assert_eq!(taken(&mut call), framed(b"1"));
    assert!(call.is_done());
    drop(shown);
    assert_eq!(budget.used(), 0);
}

#[test]
fn let_go_all_goes_on_byte_for_byte() {
    let budget = Budget::new(100_000);
    let body: Vec<u8> = [
        framed(b"one"),
        framed(&[3; 40]),
        framed(b""),
        framed(b"end"),
    ]
    .concat();
    for at in 0..=body.len() {
        let mut call = call(&budget);
        call.take_in(body[..at].to_vec(), LIMIT).unwrap();
        let mut gone = Vec::new();
        if let Some(first) = call.next(1, 0) {
            call.decide(first.number, None);
            gone.extend(taken(&mut call));
        }
        call.let_all_go().unwrap();
        gone.extend(taken(&mut call));
        call.take_in(body[at..].to_vec(), LIMIT).unwrap();
        gone.extend(taken(&mut call));
        assert_eq!(gone, body, "{at}");
    }
}

#[test]
fn what_is_no_message_goes_on_where_all_does() {
    let budget = Budget::new(100_000);
    let mut call = call(&budget);
    let body = [framed(b"one"), b"\x02no message".to_vec()].concat();
    let broken = NotTaken::Broken(Broken::Flag(2));
    assert_eq!(call.take_in(body.clone(), LIMIT), Err(broken));
    call.let_all_go().unwrap();
    assert_eq!(taken(&mut call), body);
}

#[test]
fn empty_messages_cost_no_more_than_their_bytes() {
    let budget = Budget::new(1_100_000);
    let mut call = call(&budget);
    call.take_in([framed(b"x"), framed(b"")].concat(), LIMIT)
        .unwrap();
    let first = call.next(1, 0).unwrap();
    call.decide(first.number, None);
    call.release().unwrap();
    call.take_in(framed(b"").repeat(200_000), LIMIT).unwrap();
    assert!(call.is_done());
    assert_eq!(budget.used(), call.ready_bytes());
    assert!(call.take(u64::MAX).len() < 100);
}

#[test]
fn so_many_messages_may_wait_and_none_is_lost() {
    let budget = Budget::new(10_000_000);
    let mut call = call(&budget);
    let body = framed(b"").repeat(MAX_WAITING + 9);
    let (begin, end) = body.split_at(MAX_WAITING * 5 + 2);
    call.take_in(begin.to_vec(), LIMIT).unwrap();
    assert!(call.next(1, 0).is_some());
    assert_eq!(call.take_in(end.to_vec(), LIMIT), Err(NotTaken::TooMany));
    call.let_all_go().unwrap();
    call.let_all_go().unwrap();
    call.take_in(framed(b"more"), LIMIT).unwrap();
    assert_eq!(taken(&mut call), [body, framed(b"more")].concat());
}

#[test]
fn the_first_message_is_shown_even_if_it_is_empty() {
    let budget = Budget::new(10_000);
    let mut call = call(&budget);
    call.take_in(framed(b"").repeat(2), LIMIT).unwrap();
    let first = call.next(9, 0).unwrap();
    assert!(call.next(9, 0).is_none());
    assert_eq!((first.number, content(&first)), (0, vec![]));
    assert_eq!(taken(&mut call), b"");
    call.decide(0, None);
    assert_eq!(taken(&mut call), framed(b"").repeat(2));
}
