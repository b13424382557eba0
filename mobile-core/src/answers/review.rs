//! What a reviewer will look twice at, in words for the person who records it.

use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, Doubt},
    claims::{PhotoFlag, Review},
    workflow::Words,
};

fn words(zh: impl Into<String>, en: impl Into<String>) -> Words {
    Words {
        zh: zh.into(),
        en: en.into(),
    }
}

/// One line for everything that makes a reviewer look twice; empty when nothing does.
#[must_use]
pub fn review_lines(review: &Review) -> Vec<Words> {
    let mut lines = Vec::new();
    match &review.arrival {
        Some(ArrivalProof::Proved { .. }) => {}
        Some(proof) => lines.push(arrival_words(proof)),
        None if review.doubts.is_empty() => {}
        None => lines.push(doubts(&review.doubts)),
    }
    for (number, flags) in (1..).zip(&review.photos) {
        lines.extend(flags.iter().map(|flag| {
            let Words { zh, en } = photo_flag(flag);
            words(
                format!("照片 {number}: {zh}"),
                format!("photo {number}: {en}"),
            )
        }));
    }
    lines
}

/// What an arrival proves, in words.
#[must_use]
pub fn arrival_words(proof: &ArrivalProof) -> Words {
    match proof {
        ArrivalProof::Proved { metres } => words(
            format!("到位已证实 ({metres} m)"),
            format!("arrival proved ({metres} m)"),
        ),
        ArrivalProof::FarAway { metres, allowed } => words(
            format!("不在现场：相距 {metres} m (> {allowed} m)"),
            format!("not there: away by {metres} m (> {allowed} m)"),
        ),
        ArrivalProof::Unsure { doubts: why, .. } => {
            let Words { zh, en } = doubts(why);
            words(
                format!("到位未证实: {zh}"),
                format!("arrival not proved: {en}"),
            )
        }
    }
}

fn doubts(all: &[Doubt]) -> Words {
    let (zh, en): (Vec<_>, Vec<_>) = all.iter().map(doubt).unzip();
    words(zh.join("，"), en.join(", "))
}

fn doubt(doubt: &Doubt) -> (&'static str, &'static str) {
    match doubt {
        Doubt::NoFix => ("无定位", "no place"),
        Doubt::OldFix => ("定位过旧", "the place is old"),
        Doubt::VagueFix => ("定位不准", "the place is vague"),
        Doubt::MockPlace => ("模拟定位", "the place is mocked"),
        Doubt::ImpossibleSpeed => ("移动速度不可能", "nobody travels so fast"),
        Doubt::NoTarget => ("工单无坐标", "the order has no place"),
    }
}

fn photo_flag(flag: &PhotoFlag) -> Words {
    let (zh, en, what) = match flag {
        PhotoFlag::NoFix => return words("无定位", "no place"),
        PhotoFlag::FarFromPlace { metres } => (
            "拍摄地离工单地点",
            "taken away from the place by",
            format!("{metres} m"),
        ),
        PhotoFlag::OlderThanStep { minutes } => (
            "拍摄早于步骤",
            "taken before the step by",
            format!("{minutes} min"),
        ),
        PhotoFlag::TimeMismatch { minutes } => (
            "拍摄时间矛盾，相差",
            "its times differ by",
            format!("{minutes} min"),
        ),
        PhotoFlag::PlaceMismatch { metres } => (
            "照片与记录位置相差",
            "its place and the record's differ by",
            format!("{metres} m"),
        ),
        PhotoFlag::SamePicture { order } => (
            "同一照片已用于",
            "the same picture was used for",
            order.to_string(),
        ),
        PhotoFlag::LooksLike { order, bits } => (
            "与另一工单照片相似",
            "looks like a picture of",
            format!("{order} ({bits}/64)"),
        ),
    };
    words(format!("{zh} {what}"), format!("{en} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_order_says_nothing_and_the_rest_a_line_each() {
        let proved = Review {
            arrival: Some(ArrivalProof::Proved { metres: 8 }),
            photos: vec![vec![], vec![]],
            ..Review::default()
        };
        assert_eq!(review_lines(&proved), []);
        let doubtful = Review {
            arrival: Some(ArrivalProof::Unsure {
                doubts: vec![Doubt::OldFix, Doubt::MockPlace],
                metres: None,
            }),
            photos: vec![vec![], vec![PhotoFlag::FarFromPlace { metres: 900 }]],
            ..Review::default()
        };
        let lines: Vec<String> = review_lines(&doubtful)
            .into_iter()
            .map(|line| line.en)
            .collect();
        let expected = [
            "arrival not proved: the place is old, the place is mocked",
            "photo 2: taken away from the place by 900 m",
        ];
        assert_eq!(lines, expected);
        let mocked = Review {
            doubts: vec![Doubt::MockPlace],
            ..Review::default()
        };
        assert_eq!(
            review_lines(&mocked),
            [words("模拟定位", "the place is mocked")]
        );
    }
}
