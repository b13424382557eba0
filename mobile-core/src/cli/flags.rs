//! What is doubtful in a record, in words.

use super::Tongue;
use gridcrew_mobile_core::{Error, RecordLine};
use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, Doubt},
    claims::PhotoFlag,
};
use std::io::Write;

/// One line for everything that makes a reviewer look twice at a record.
pub(super) fn of_record(
    record: &RecordLine,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let review = &record.review;
    match &review.arrival {
        Some(proof) => writeln!(out, "    {}", arrival(proof, tongue))?,
        None if review.doubts.is_empty() => {}
        None => writeln!(out, "    ! {}", doubts(&review.doubts, tongue))?,
    }
    for (number, flags) in (1..).zip(&review.photos) {
        for flag in flags {
            let photo = tongue.say("照片", "photo");
            writeln!(out, "    ! {photo} {number}: {}", photo_flag(flag, tongue))?;
        }
    }
    Ok(())
}

fn arrival(proof: &ArrivalProof, tongue: Tongue) -> String {
    match proof {
        ArrivalProof::Proved { metres } => format!(
            "{} ({metres} m)",
            tongue.say("到位已证实", "arrival proved")
        ),
        ArrivalProof::FarAway { metres, allowed } => format!(
            "! {} {metres} m (> {allowed} m)",
            tongue.say("不在现场：相距", "not there: away by")
        ),
        ArrivalProof::Unsure { doubts: why, .. } => format!(
            "! {}: {}",
            tongue.say("到位未证实", "arrival not proved"),
            doubts(why, tongue)
        ),
    }
}

fn doubts(all: &[Doubt], tongue: Tongue) -> String {
    let words: Vec<&str> = all
        .iter()
        .map(|doubt| match doubt {
            Doubt::NoFix => tongue.say("无定位", "no place"),
            Doubt::OldFix => tongue.say("定位过旧", "the place is old"),
            Doubt::VagueFix => tongue.say("定位不准", "the place is vague"),
            Doubt::MockPlace => tongue.say("模拟定位", "the place is mocked"),
            Doubt::ImpossibleSpeed => tongue.say("移动速度不可能", "nobody travels so fast"),
            Doubt::NoTarget => tongue.say("工单无坐标", "the order has no place"),
        })
        .collect();
    words.join(tongue.say("，", ", "))
}

fn photo_flag(flag: &PhotoFlag, tongue: Tongue) -> String {
    match flag {
        PhotoFlag::NoFix => tongue.say("无定位", "no place").to_owned(),
        PhotoFlag::FarFromPlace { metres } => format!(
            "{} {metres} m",
            tongue.say("拍摄地离工单地点", "taken away from the place by")
        ),
        PhotoFlag::OlderThanStep { minutes } => format!(
            "{} {minutes} min",
            tongue.say("拍摄早于步骤", "taken before the step by")
        ),
        PhotoFlag::TimeMismatch { minutes } => format!(
            "{} {minutes} min",
            tongue.say("拍摄时间矛盾，相差", "its times differ by")
        ),
        PhotoFlag::PlaceMismatch { metres } => format!(
            "{} {metres} m",
            tongue.say("照片与记录位置相差", "its place and the record's differ by")
        ),
        PhotoFlag::SamePicture { order } => format!(
            "{} {order}",
            tongue.say("同一照片已用于", "the same picture was used for")
        ),
        PhotoFlag::LooksLike { order, bits } => format!(
            "{} {order} ({bits}/64)",
            tongue.say("与另一工单照片相似", "looks like a picture of")
        ),
    }
}
