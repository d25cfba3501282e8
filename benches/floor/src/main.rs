//! Baselines for `scripts/bench`, in the shape of what they are held against and with nothing behind them.
//!
//! `floor http` listens on a free port of 127.0.0.1, prints it, and answers every POST: one worker, a 200-byte
//! order read with `serde_json`, 144 bytes back. `floor disk DIR` appends 64-byte records to a preallocated file
//! in DIR with one sync per 1, 10 and 100 records, and prints each rate.

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// An order as the exchange gets it, read into borrowed text and no further.
#[derive(Deserialize)]
struct Order<'a> {
    market_id: &'a str,
    side: &'a str,
    outcome: &'a str,
    order_type: &'a str,
    quantity: &'a str,
    price: &'a str,
    time_in_force: &'a str,
}

/// 144 bytes of JSON, which is about what an order's answer must say.
#[derive(Serialize)]
struct Answer<'a> {
    order_id: &'a str,
    status: &'a str,
    side: &'a str,
    outcome: &'a str,
    price: &'a str,
    quantity: &'a str,
    fee: &'a str,
    padding: &'a str,
}

const ANSWER_BYTES: usize = 144;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["http"] => actix_web::rt::System::new().block_on(http()),
        ["disk", directory] => disk(Path::new(directory)),
        _ => Err(Error::new(ErrorKind::InvalidInput, "usage: floor http | floor disk DIR")),
    }
}

async fn http() -> Result<()> {
    let server = HttpServer::new(|| App::new().default_service(web::to(answer)))
        .workers(1)
        .shutdown_timeout(1)
        .bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("{address}");
    }
    server.run().await
}

async fn answer(body: web::Bytes) -> HttpResponse {
    let Ok(order) = serde_json::from_slice::<Order>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    let mut answer = Answer {
        order_id: order.market_id.get(..10).unwrap_or_default(),
        status: order.order_type,
        side: order.side,
        outcome: order.outcome,
        price: order.price,
        quantity: order.quantity,
        fee: order.time_in_force,
        padding: "",
    };
    let mut written = Vec::with_capacity(ANSWER_BYTES);
    if serde_json::to_writer(&mut written, &answer).is_err() {
        return HttpResponse::InternalServerError().finish();
    }
    // Always as long as its length says, whatever the order's fields were.
    let missing = ANSWER_BYTES.saturating_sub(written.len());
    let padding = "................................................................";
    answer.padding = &padding[..missing.min(padding.len())];
    written.clear();
    match serde_json::to_writer(&mut written, &answer) {
        Ok(()) => HttpResponse::Ok().content_type("application/json").body(written),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

const RECORD: [u8; 64] = [7; 64];
const FILE_BYTES: usize = 32 << 20;
const EACH: Duration = Duration::from_secs(2);

fn disk(directory: &Path) -> Result<()> {
    let path = directory.join("floor.disk");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    for records in [1_u32, 10, 100] {
        let batch = RECORD.repeat(usize::try_from(records).map_err(Error::other)?);
        let length = u64::try_from(batch.len()).map_err(Error::other)?;
        let end = u64::try_from(FILE_BYTES).map_err(Error::other)?;
        let (mut syncs, mut offset) = (0_u32, 0);
        let begun = Instant::now();
        while begun.elapsed() < EACH {
            file.write_all_at(&batch, offset)?;
            file.sync_data()?;
            syncs += 1;
            offset = if offset + 2 * length > end { 0 } else { offset + length };
        }
        let rate = f64::from(syncs * records) / begun.elapsed().as_secs_f64();
        println!("{records} {rate:.0}");
    }
    drop(file);
    std::fs::remove_file(path)
}
