use proptest::prelude::*;

use super::*;

/// What came out, or what was wrong, and what was left behind the end.
type Ended = Option<(Result<Vec<u8>, BodyError>, Vec<u8>)>;

const WIDE: BodyLimits = BodyLimits { message: 1 << 30, header_section: 1 << 20 };

/// Feeds `input` in parts cut at `cuts` and gives what came out and what was left behind the end.
fn data(input: &[u8], cuts: &[usize], limits: BodyLimits) -> Ended {
    let mut decoder = DataDecoder::new(limits);
    let (mut buffer, mut out) = (Buffer::new(), Vec::new());
    let mut from = 0;
    for cut in cuts.iter().copied().chain([input.len()]) {
        let cut = cut.clamp(from, input.len());
        buffer.extend(&input[from..cut]);
        from = cut;
        while let Some(piece) = decoder.next(&mut buffer) {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Broken(error) => assert_eq!(decoder.error(), Some(error)),
                Piece::End => {
                    let mut left = buffer.as_slice().to_vec();
                    left.extend_from_slice(&input[from..]);
                    return Some((decoder.error().map_or(Ok(out), Err), left));
                }
            }
        }
    }
    None
}

fn whole(input: &[u8]) -> Ended {
    data(input, &[], WIDE)
}

fn bdat(chunks: &[&[u8]], limits: BodyLimits) -> Result<Vec<u8>, BodyError> {
    let mut decoder = BdatDecoder::new(limits);
    let (mut buffer, mut out) = (Buffer::new(), Vec::new());
    for chunk in chunks {
        decoder.chunk(chunk.len() as u64);
        for byte in *chunk {
            buffer.extend(&[*byte]);
            match decoder.next(&mut buffer) {
                Some(Piece::Bytes(bytes)) => out.extend_from_slice(bytes),
                Some(Piece::Broken(_)) => {
                    assert!(decoder.next(&mut buffer).is_none_or(|piece| piece == Piece::End));
                }
                Some(Piece::End) | None => {}
            }
        }
        assert_eq!(decoder.next(&mut buffer), Some(Piece::End));
        assert!(buffer.is_empty());
    }
    decoder.finish().map(|()| out)
}

#[test]
fn an_empty_message_ends_on_its_first_line() {
    assert_eq!(whole(b".\r\nQUIT\r\n"), Some((Ok(Vec::new()), b"QUIT\r\n".to_vec())));
}

#[test]
fn dots_come_off_at_the_start_of_every_line() {
    let (message, left) = whole(b"..a\r\n...\r\n.b\r\nc.\r\n.\r\n").unwrap();
    assert_eq!(message.unwrap(), b".a\r\n..\r\nb\r\nc.\r\n");
    assert!(left.is_empty());
}

#[test]
fn only_one_sequence_ends_a_message() {
    for (variant, error) in [
        (&b"\n.\n"[..], BodyError::BareLf),
        (b"\n.\r\n", BodyError::BareLf),
        (b"\r\n.\n", BodyError::BareLf),
        (b"\r.\r", BodyError::BareCr),
        (b"\r.\r\n", BodyError::BareCr),
        (b"\r\n.\r", BodyError::BareCr),
        (b"\n.\r", BodyError::BareLf),
        (b"\r.\n", BodyError::BareCr),
        (b"\r\n\0.\r\n", BodyError::Nul),
        (b"\r\n.\0\r\n", BodyError::Nul),
        (b"\r\0\n.\r\n", BodyError::BareCr),
        (b"\r\n.\r\0\n", BodyError::BareCr),
        (b"\r\r\n\n.\r\r\n", BodyError::BareCr),
    ] {
        let mut input = b"Subject: one\r\n\r\nfirst".to_vec();
        input.extend_from_slice(variant);
        input.extend_from_slice(
            b"MAIL FROM:<evil@example.com>\r\nDATA\r\nSubject: two\r\n\r\nsecond\r\n.\r\nNOOP\r\n",
        );
        assert_eq!(whole(&input), Some((Err(error), b"NOOP\r\n".to_vec())), "{variant:?}");
    }
}

#[test]
fn a_broken_message_ends_at_its_true_end() {
    assert_eq!(
        whole(b"a\rb\r\n.\r\nNOOP\r\n"),
        Some((Err(BodyError::BareCr), b"NOOP\r\n".to_vec()))
    );
    // The first CR stands alone, the second makes a line end.
    assert_eq!(whole(b"a\r\r\n.\r\nx"), Some((Err(BodyError::BareCr), b"x".to_vec())));
    assert_eq!(whole(b"a\nb\n.\n"), None);
}

#[test]
fn a_message_one_byte_too_long_is_too_big_and_read_to_its_end() {
    let limits = BodyLimits { message: 10, header_section: 100 };
    assert_eq!(data(b"01234567\r\n.\r\nx", &[], limits).unwrap().0, Ok(b"01234567\r\n".to_vec()));
    assert_eq!(
        data(b"012345678\r\n.\r\nx", &[], limits),
        Some((Err(BodyError::TooBig), b"x".to_vec()))
    );
}

#[test]
fn a_header_section_too_long_is_refused_and_a_long_body_is_not() {
    let limits = BodyLimits { message: 10_000, header_section: 20 };
    assert_eq!(
        data(b"A: 1\r\nB: 22222222222222\r\n\r\nx\r\n.\r\n", &[], limits).unwrap().0,
        Err(BodyError::HeaderTooBig)
    );
    let mut long = b"A: 1\r\n\r\n".to_vec();
    long.extend([b'x'; 1000]);
    long.extend(b"\r\n.\r\n");
    assert_eq!(data(&long, &[], limits).unwrap().0.unwrap().len(), 1010);
}

#[test]
fn l11_chunks_are_held_to_the_same_line_ends_as_data() {
    assert_eq!(
        bdat(&[b"A: 1\r\n\r\n", b".x\r", b"\n.\r\n"], WIDE).unwrap(),
        b"A: 1\r\n\r\n.x\r\n.\r\n"
    );
    assert_eq!(bdat(&[b"A: 1\r", b"B"], WIDE), Err(BodyError::BareCr));
    assert_eq!(bdat(&[b"A: 1\r"], WIDE), Err(BodyError::BareCr));
    assert_eq!(bdat(&[b"A: 1\n"], WIDE), Err(BodyError::BareLf));
    assert_eq!(bdat(&[b"A: \0"], WIDE), Err(BodyError::Nul));
}

#[test]
fn a_chunk_that_cannot_fit_is_refused_before_it_comes() {
    let mut decoder = BdatDecoder::new(BodyLimits { message: 5, header_section: 100 });
    decoder.chunk(6);
    let mut buffer = Buffer::new();
    assert_eq!(decoder.next(&mut buffer), Some(Piece::Broken(BodyError::TooBig)));
    assert_eq!(decoder.next(&mut buffer), None);
    buffer.extend(b"123456NOOP");
    assert_eq!(decoder.next(&mut buffer), Some(Piece::End));
    assert_eq!(buffer.as_slice(), b"NOOP");
}

#[test]
fn l09_a_bare_line_end_is_never_stuffed() {
    for bad in [&b"a\rb"[..], b"a\nb", b"\n", b"a\r\r\n", b"\r\n\n"] {
        let (mut stuffer, mut out) = (DotStuffer::new(), Vec::new());
        assert_eq!(stuffer.push(bad, &mut out), Err(BareLineEnd), "{bad:?}");
    }
    let (mut stuffer, mut out) = (DotStuffer::new(), Vec::new());
    assert_eq!(stuffer.push(b"a\r", &mut out), Ok(()));
    assert_eq!(stuffer.finish(&mut out), Err(BareLineEnd));
}

/// Text that is likely to hold the sequences that matter.
fn risky() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        prop_oneof![
            4 => Just(b"\r\n".to_vec()),
            3 => Just(b".".to_vec()),
            1 => Just(b"\r".to_vec()),
            1 => Just(b"\n".to_vec()),
            1 => Just(b"\0".to_vec()),
            2 => Just(b"\r\n.\r\n".to_vec()),
            3 => prop::collection::vec(any::<u8>(), 0..6),
        ],
        0..25,
    )
    .prop_map(|parts| parts.concat())
}

/// A message as the queue holds it: lines that end in CR LF.
fn clean() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec("[.a-c]{0,4}", 0..12).prop_map(|lines| {
        let mut message = Vec::new();
        for line in lines {
            message.extend_from_slice(line.as_bytes());
            message.extend_from_slice(b"\r\n");
        }
        message
    })
}

proptest! {
    #[test]
    fn how_the_input_is_split_makes_no_difference(input in risky(), mut cuts in prop::collection::vec(0usize..150, 0..20), message in 0u64..120, header in 0u64..120) {
        cuts.sort_unstable();
        let limits = BodyLimits { message, header_section: header };
        let every: Vec<usize> = (0..input.len()).collect();
        prop_assert_eq!(data(&input, &cuts, limits), data(&input, &[], limits));
        prop_assert_eq!(data(&input, &every, limits), data(&input, &[], limits));
    }

    #[test]
    fn the_end_is_where_the_sequence_is_first_and_nowhere_else(input in risky()) {
        // The line before the body is the command's, so a dot on the first line counts too.
        let mut framed = b"\r\n".to_vec();
        framed.extend_from_slice(&input);
        let end = framed.windows(5).position(|w| w == b"\r\n.\r\n");
        match (whole(&input), end) {
            (None, None) => {}
            (Some((_, left)), Some(at)) => prop_assert_eq!(&left[..], &framed[at + 5..]),
            (got, at) => prop_assert!(false, "{got:?} {at:?}"),
        }
    }

    #[test]
    fn what_is_handed_out_has_no_bare_line_end_and_no_nul(input in risky()) {
        if let Some((Ok(message), _)) = whole(&input) {
            let mut rest = Vec::new();
            for (index, byte) in message.iter().enumerate() {
                let bare = match byte {
                    b'\r' => message.get(index + 1) != Some(&b'\n'),
                    b'\n' => index == 0 || message[index - 1] != b'\r',
                    0 => true,
                    _ => false,
                };
                if bare { rest.push(index); }
            }
            prop_assert!(rest.is_empty(), "{message:?}");
        }
    }

    #[test]
    fn l12_stuffing_then_decoding_is_identity_however_it_is_cut(message in clean(), mut cuts in prop::collection::vec(0usize..60, 0..20)) {
        cuts.sort_unstable();
        let (mut stuffer, mut out, mut from) = (DotStuffer::new(), Vec::new(), 0);
        for cut in cuts.iter().copied().chain([message.len()]) {
            let cut = cut.clamp(from, message.len());
            stuffer.push(&message[from..cut], &mut out).unwrap();
            from = cut;
        }
        stuffer.finish(&mut out).unwrap();
        prop_assert_eq!(data(&out, &cuts, WIDE), Some((Ok(message), Vec::new())));
    }
}
