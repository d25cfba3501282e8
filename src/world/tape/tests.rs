//! What a tape promises.

mod golden;

use super::*;
use crate::types::Timestamp;
use crate::world::record::{Authority, Command, Note, Record, RecordRef};
use faulty::{Faults, SimDisk};

const SEGMENT: u64 = 4_096;

/// A record that takes about so many bytes.
fn record(sequence: u64, bytes: usize) -> Record {
    let words = "x".repeat(bytes);
    let command = Command::Place {
        by: Authority::System,
        order: golden::order(),
        claim: None,
        client_order_id: Some(words.into()),
        signed: None,
        fee: None,
    };
    let notes = vec![Note::ClockPaused(true)];
    let at = Timestamp::from_millis(i64::try_from(sequence).expect("small"));
    Record { sequence: Sequence(sequence), at, command, events: Vec::new(), notes }
}

fn batch_of(records: &[Record]) -> Batch {
    let mut batch = Batch::default();
    for Record { sequence, at, command, events, notes } in records {
        batch.push(&RecordRef { sequence: *sequence, at: *at, command, events, notes });
    }
    batch
}

fn open(disk: &Arc<SimDisk>) -> Result<Tape, TapeError> {
    open_as(disk, Durability::Strict)
}

fn open_as(disk: &Arc<SimDisk>, durability: Durability) -> Result<Tape, TapeError> {
    Tape::open(disk.shared(), durability).map(|tape| tape.with_segments_of(SEGMENT))
}

/// Appends a batch of records of about so many bytes each, and says which they are.
fn append(tape: &mut Tape, sizes: &[usize]) -> Vec<Record> {
    let first = tape.next();
    let records: Vec<_> = (first.0..).zip(sizes).map(|(sequence, bytes)| record(sequence, *bytes)).collect();
    let appended = tape.append(first, &batch_of(&records).as_ref());
    assert!(matches!(appended, Append::Durable), "{appended:?}");
    records
}

fn read_from(disk: &Arc<SimDisk>, from: u64, end: Sequence) -> Result<Vec<Record>, TapeError> {
    let mut reader = Reader::new(disk.shared(), Arc::new(Watermark::new(end)), Sequence(from));
    let mut all = Vec::new();
    while let Some(records) = reader.read()? {
        all.extend(records);
    }
    Ok(all)
}

/// The names and bytes of all files.
fn files(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list().expect("it is on");
    names.into_iter().map(|name| (name.clone(), disk.contents(&name))).collect()
}

fn damage_of(result: Result<Tape, TapeError>) -> (String, u64) {
    match result {
        Err(TapeError::Damaged { name, offset, .. }) => (name, offset),
        other => panic!("damage was not refused: {other:?}"),
    }
}

#[test]
fn what_was_appended_is_read_back_from_any_record_on() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    assert!(tape.is_empty());
    let mut all = Vec::new();
    for sizes in [&[0][..], &[1, 700, 30], &[2_000], &[1, 2, 3, 4], &[1_500, 1_500], &[3_000], &[8]] {
        all.extend(append(&mut tape, sizes));
    }
    assert!(tape.segments.len() > 2, "the records span segments");
    for durability in [Durability::Strict, Durability::Process] {
        let reopened = open_as(&disk, durability).expect("it is whole");
        assert_eq!((reopened.next(), reopened.first()), (tape.next(), Some(Sequence(0))));
    }
    for from in 0..=all.len() {
        let found = read_from(&disk, u64::try_from(from).expect("small"), tape.next()).expect("it is whole");
        assert_eq!(found, all[from..]);
    }
}

#[test]
fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    let kept = append(&mut tape, &[10, 20]);
    let name = format::segment_name(Sequence(0));
    let (before, from) = (disk.contents(&name), usize::try_from(tape.offset).expect("small"));
    append(&mut tape, &[30, 1, 300]);
    let (whole, to) = (disk.contents(&name), usize::try_from(tape.offset).expect("small"));
    for cut in from..to {
        // What came is the beginning of the batch, its end, or all but one byte.
        let beginning = [&whole[..cut], &before[cut..]].concat();
        let end = [&before[..=cut], &whole[cut + 1..]].concat();
        let mut but_one = whole.clone();
        but_one[cut] ^= 0x40;
        for torn in [beginning, end, but_one] {
            // Only padding is wrong, which says nothing.
            if cut >= to - 7 && torn[..to - 7] == whole[..to - 7] {
                continue;
            }
            disk.put(&name, &torn);
            let mut tape = open(&disk).expect("a torn tail is no damage");
            assert_eq!(tape.next(), Sequence(2), "torn at {cut}");
            assert_eq!(disk.contents(&name), before, "nothing of it is left");
            let after = append(&mut tape, &[5]);
            let found = read_from(&disk, 0, tape.next()).expect("it is whole");
            assert_eq!(found, [kept.clone(), after].concat());
        }
    }
}

#[test]
fn damage_before_the_tail_is_refused_with_its_place() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    append(&mut tape, &[10, 20]);
    let offset = tape.offset;
    append(&mut tape, &[30]);
    let end = tape.offset;
    append(&mut tape, &[40]);
    let name = format::segment_name(Sequence(0));
    let whole = disk.contents(&name);
    let (from, to) = (usize::try_from(offset).expect("small"), usize::try_from(end).expect("small"));
    for at in from..to {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xFF;
        disk.put(&name, &damaged);
        // The padding behind a batch says nothing, so nothing is wrong with it.
        match open(&disk) {
            Ok(tape) => assert!(at >= to - 8 && tape.next() == Sequence(4), "{at} went unnoticed"),
            refused => assert_eq!(damage_of(refused), (name.clone(), offset), "{at}"),
        }
        assert_eq!(disk.contents(&name), damaged, "what is damaged is left as it is");
    }
    disk.put(&name, &[&whole[..from], &vec![0; to - from], &whole[to..]].concat());
    assert_eq!(damage_of(open(&disk)), (name, offset), "a batch that is gone");
}

#[test]
fn a_header_that_is_gone_takes_no_batches_with_it() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    append(&mut tape, &[10]);
    let name = format::segment_name(Sequence(0));
    let mut damaged = disk.contents(&name);
    damaged[..32].fill(0);
    disk.put(&name, &damaged);
    assert_eq!(damage_of(open(&disk)), (name.clone(), 0));
    assert_eq!(disk.contents(&name), damaged);
}

#[test]
fn a_reader_refuses_to_pass_over_a_record() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    append(&mut tape, &[10]);
    let lost = usize::try_from(tape.offset).expect("small");
    append(&mut tape, &[20]);
    append(&mut tape, &[4_000]);
    // The second batch, the last of its segment, turns to zeros.
    let name = format::segment_name(Sequence(0));
    let mut damaged = disk.contents(&name);
    damaged[lost..].fill(0);
    disk.put(&name, &damaged);
    let end = open(&disk).expect("the last segment is whole").next();
    let refused = read_from(&disk, 0, end);
    assert!(matches!(refused, Err(TapeError::Damaged { .. })), "{refused:?}");
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_of_its_own_size() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    let mut all = append(&mut tape, &[10]);
    all.extend(append(&mut tape, &[20_000]));
    all.extend(append(&mut tape, &[30]));
    assert_eq!(tape.segments, [Sequence(0), Sequence(1), Sequence(2)]);
    assert_eq!(read_from(&disk, 0, tape.next()).expect("it is whole"), all);
}

#[test]
fn a_segment_made_anew_for_a_large_batch_is_dropped_only_once() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    append(&mut tape, &[10]);
    tape.roll(Sequence(1), SEGMENT).expect("the disk works");
    let mut tape = open(&disk).expect("an empty segment is no damage");
    let large = append(&mut tape, &[20_000]);
    assert_eq!(tape.segments, [Sequence(0), Sequence(1)]);
    tape.drop_covered(Sequence(9), 0).expect("the disk works");
    assert_eq!(read_from(&disk, 1, tape.next()).expect("the last segment stays"), large);
}

#[test]
fn what_a_crash_leaves_of_a_new_segment_is_removed() {
    let whole = [&format::header(Sequence(1))[..], &[0; 100]].concat();
    let begun = [&whole[..10], &[0; 100]].concat();
    for left in [vec![], vec![0; 7], vec![0; 32], vec![0; 4_096], vec![0; 100_000], begun, whole] {
        let disk = SimDisk::new(1);
        let mut tape = open(&disk).expect("nothing is there");
        let mut all = append(&mut tape, &[10]);
        disk.put(&format::segment_name(Sequence(1)), &left);
        let mut tape = open(&disk).expect("a blank segment is no damage");
        assert_eq!(tape.next(), Sequence(1));
        all.extend(append(&mut tape, &[4_000]));
        assert_eq!(read_from(&disk, 0, tape.next()).expect("it is whole"), all);
    }
}

#[test]
fn covered_segments_are_dropped_but_the_last_stays() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    for _ in 0..10 {
        append(&mut tape, &[2_500]);
    }
    tape.drop_covered(Sequence(4), 0).expect("the disk works");
    assert_eq!(tape.first(), Some(Sequence(4)));
    tape.drop_covered(Sequence(99), 3 * SEGMENT).expect("the disk works");
    assert_eq!(tape.first(), Some(Sequence(7)), "three segments may be kept");
    tape.drop_covered(Sequence(99), 0).expect("the disk works");
    assert_eq!(tape.first(), Some(Sequence(9)));
    assert_eq!(open(&disk).expect("it is whole").next(), Sequence(10));
    assert!(read_from(&disk, 8, tape.next()).is_err());
}

#[test]
fn a_reader_follows_while_the_tape_is_written_rolled_and_dropped() {
    let disk = SimDisk::new(1);
    let mut tape = open(&disk).expect("nothing is there");
    let watermark = Arc::new(Watermark::new(Sequence(0)));
    let mut reader = Reader::new(disk.shared(), Arc::clone(&watermark), Sequence(0));
    for round in 0..20 {
        let records = append(&mut tape, &[round * 100, 5]);
        assert_eq!(reader.read().expect("it is whole"), None, "it is not durable yet");
        watermark.raise(tape.next());
        assert_eq!(watermark.wait_beyond(reader.next(), std::time::Duration::ZERO), tape.next());
        assert_eq!(reader.read().expect("it is whole"), Some(records));
        // Everything was read: its segment may be gone before the reader leaves it.
        if round % 3 == 0 {
            tape.roll(tape.next(), SEGMENT).expect("the disk works");
            tape.drop_covered(tape.next(), 0).expect("the disk works");
        }
    }
}

#[test]
fn a_newer_tape_is_refused_and_left_untouched() {
    for blank_behind in [false, true] {
        let disk = SimDisk::new(1);
        let mut tape = open(&disk).expect("nothing is there");
        append(&mut tape, &[10]);
        let name = format::segment_name(Sequence(0));
        let mut newer = disk.contents(&name);
        newer[8..12].copy_from_slice(&(format::VERSION + 1).to_le_bytes());
        disk.put(&name, &newer);
        if blank_behind {
            disk.put(&format::segment_name(Sequence(1)), &[0; 64]);
        }
        let before = files(&disk);
        let refused = open(&disk);
        assert!(matches!(refused, Err(TapeError::Newer { found, .. }) if found == format::VERSION + 1));
        assert_eq!(files(&disk), before);
    }
}

#[test]
fn what_is_found_is_durable_before_it_is_shown() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let mut tape = open(&disk).expect("nothing is there");
        append(&mut tape, &[10]);
        // The sync fails, and whatever of the batch is not on disk counts as written from now on.
        disk.set_faults(Faults { sync: 1_000, ..Faults::default() });
        let lost = [record(1, 900)];
        let appended = tape.append(Sequence(1), &batch_of(&lost).as_ref());
        assert!(matches!(appended, Append::Unknown(_)));
        disk.set_faults(Faults::default());
        let shown = open(&disk).expect("a torn tail is no damage").next();
        disk.lose_power();
        let tape = open(&disk).expect("it is whole");
        assert_eq!(tape.next(), shown, "seed {seed}");
    }
}

#[test]
fn a_kill_between_write_and_sync_is_made_good_at_the_next_start() {
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let mut tape = open(&disk).expect("nothing is there");
        append(&mut tape, &[10]);
        disk.stop_after(1);
        let appended = tape.append(Sequence(1), &batch_of(&[record(1, 900)]).as_ref());
        assert!(matches!(appended, Append::Unknown(_)) && disk.is_off());
        disk.kill();
        assert_eq!(open(&disk).expect("it is whole").next(), Sequence(2), "it was written");
        disk.lose_power();
        assert_eq!(open(&disk).expect("it is whole").next(), Sequence(2), "seed {seed}");
    }
}

#[test]
fn without_syncs_a_tape_ends_at_its_first_hole() {
    let (mut shorter, mut all) = (0, 0);
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let mut tape = open_as(&disk, Durability::Process).expect("nothing is there");
        let mut written = Vec::new();
        for _ in 0..12 {
            written.extend(append(&mut tape, &[800]));
        }
        disk.lose_power();
        let mut tape = open_as(&disk, Durability::Process).expect("holes are no damage here");
        let kept = usize::try_from(tape.next().0).expect("small");
        (shorter, all) = (shorter + usize::from(kept < 12), all + usize::from(kept == 12));
        assert!(kept >= 8, "a segment is synced before the next one begins");
        written.truncate(kept);
        written.extend(append(&mut tape, &[7]));
        assert_eq!(read_from(&disk, 0, tape.next()).expect("it is whole"), written);
    }
    assert!(shorter > 10 && all > 10, "{shorter} {all}");
}
