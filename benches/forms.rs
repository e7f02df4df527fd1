//! What forms, uploads to S3 and encoded values cost to take apart, in pieces of 16 KiB as Envoy has them.

#![allow(missing_docs, reason = "criterion's macros write functions without")]

use criterion::{Criterion, Throughput, black_box, criterion_group, criterion_main};
use icap_filter::aws_chunked::{self, Deframer, Fields, Framing};
use icap_filter::extract::{Extractors, Limits, Unextractable};
use icap_filter::multipart::{Ambiguous, Boundary, Parser};

const CONTENT_TYPE: &[u8] = b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW";
const DELIMITER: &str = "------WebKitFormBoundary7MA4YWxkTrZu0gW";

/// A form with `files` files of that content.
fn form(files: usize, content: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    for file in 0..files {
        form.extend(
            format!(
                "{DELIMITER}\r\nContent-Disposition: form-data; name=\"file{file}\"; filename=\"report {file}.pdf\"\r\n\
                Content-Type: application/pdf\r\n\r\n"
            )
            .bytes(),
        );
        form.extend(content);
        form.extend(b"\r\n");
    }
    form.extend(format!("{DELIMITER}--\r\n").bytes());
    form
}

/// How many parts there are.
fn read(form: &[u8]) -> Result<usize, Ambiguous> {
    let boundary = Boundary::of(CONTENT_TYPE)?.ok_or(Ambiguous::NoBoundary)?;
    let mut parser = Parser::new(boundary);
    let mut parts = 0;
    for piece in form.chunks(16 * 1024) {
        parser.push(piece)?;
        while let Some(part) = parser.next_part() {
            black_box(part);
            parts += 1;
        }
    }
    parser.finish()?;
    Ok(parts)
}

fn forms(c: &mut Criterion) {
    const MIB: usize = 1024 * 1024;
    let noise: Vec<u8> = (0..MIB as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let dashes = vec![b'-'; MIB];
    let near = "\r\n------WebKitFormBoundary7MA4YWxkTrZu0g".repeat(MIB / 40);
    let mut group = c.benchmark_group("form");
    for (name, files, form) in [
        ("one file of 1 MiB", 1, form(1, &noise)),
        ("one file of 1 MiB of dashes", 1, form(1, &dashes)),
        (
            "one file of 1 MiB that is nearly delimiters",
            1,
            form(1, near.as_bytes()),
        ),
        (
            "1000 files of 100 bytes",
            1000,
            form(1000, noise.get(..100).unwrap_or_default()),
        ),
    ] {
        assert_eq!(read(&form), Ok(files), "{name}");
        group.throughput(Throughput::Bytes(form.len() as u64));
        group.bench_function(name, |b| b.iter(|| read(black_box(&form))));
    }
    group.finish();
}

/// How many bytes of content there are.
fn deframe(body: &[u8], length: &str) -> Result<u64, aws_chunked::Ambiguous> {
    let framing = Framing::of(Fields {
        content_encoding: Some(b"aws-chunked"),
        content_sha256: Some(b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        decoded_length: Some(length.as_bytes()),
    })?;
    let mut deframer = Deframer::new(framing.ok_or(aws_chunked::Ambiguous::NotAnnounced)?);
    let mut content = 0;
    for piece in body.chunks(16 * 1024) {
        deframer.push(piece)?;
        while let Some(range) = deframer.next_content() {
            content += range.end - range.start;
        }
    }
    deframer.finish()?;
    Ok(content)
}

fn uploads(c: &mut Criterion) {
    let mut group = c.benchmark_group("upload to S3");
    for (name, chunk, chunks) in [
        ("16 chunks of 64 KiB", 64 * 1024, 16_usize),
        ("1000 chunks of 10 bytes", 10, 1000),
    ] {
        let mut body = format!("{chunk:x}\r\n{}\r\n", "x".repeat(chunk)).repeat(chunks);
        body.push_str("0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        let length = (chunk * chunks).to_string();
        let expected = deframe(body.as_bytes(), &length);
        assert_eq!(
            expected.map(|n| n.to_string()),
            Ok(length.clone()),
            "{name}"
        );
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| deframe(black_box(body.as_bytes()), &length))
        });
    }
    group.finish();
}

/// How many values there are.
fn extract(content_type: &str, body: &[u8]) -> Result<usize, Unextractable> {
    let all = Extractors {
        json_base64: true,
        data_url: true,
        urlencoded: true,
        grpc_bytes: true,
    };
    let Some(mut extractor) = all.extractor(content_type.as_bytes(), Limits::default()) else {
        return Ok(0);
    };
    for piece in body.chunks(16 * 1024) {
        extractor.push(piece)?;
    }
    extractor.finish()?;
    Ok(std::iter::from_fn(|| extractor.next_value()).count())
}

fn values(c: &mut Criterion) {
    let base64 = "QUJD".repeat(256 * 1024);
    let grpc = [
        &[0, 0, 16, 0, 4, 0x0a, 0x80, 0x80, 0x40][..],
        &vec![0xff; 1024 * 1024],
    ];
    let mut group = c.benchmark_group("values in 1 MiB");
    for (content_type, body) in [
        (
            "application/json",
            format!("{{\"a\":\"{base64}\"}}").into_bytes(),
        ),
        (
            "application/x-www-form-urlencoded",
            format!("a=.{base64}").into_bytes(),
        ),
        (
            "text/html",
            format!("<img src='data:a/b;base64,{base64}'>").into_bytes(),
        ),
        ("application/grpc", grpc.concat()),
    ] {
        assert_eq!(extract(content_type, &body), Ok(1), "{content_type}");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(content_type, |b| {
            b.iter(|| extract(content_type, black_box(&body)))
        });
    }
    group.finish();
}

criterion_group!(benches, forms, uploads, values);
criterion_main!(benches);
