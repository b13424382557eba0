//! A decision as one plain sentence, in Chinese and English. It names roles and cells, not
//! people, so that it can be kept and shown without looking anyone up.

use super::{
    ladder::{Decision, LadderRung, LetGo, PassedOver},
    place::PlaceReason,
};
use crate::duty::table::DutyKind;
use gridcrew_sync_protocol::{position::Metres, workflow::Words};

/// Why the order went where it went.
#[must_use]
pub fn sentence(decision: &Decision) -> Words {
    let place = place(decision);
    let before = before(decision);
    let owner = owner(decision);
    Words {
        zh: format!("{};{}{}。", place.zh, before.zh, owner.zh),
        en: format!("{}; {}{}.", place.en, before.en, owner.en),
    }
}

fn words(zh: impl Into<String>, en: impl Into<String>) -> Words {
    Words {
        zh: zh.into(),
        en: en.into(),
    }
}

fn place(decision: &Decision) -> Words {
    let placed = &decision.placed;
    let code = placed.cell_code.as_deref().unwrap_or("?");
    let far = placed.distance_m.unwrap_or(Metres(0.0));
    match placed.reason {
        PlaceReason::AccountAreaCell => words(
            format!("户号所属台区在网格 {code}"),
            format!("The account's station area is in cell {code}"),
        ),
        PlaceReason::InsideCell => words(
            format!("位置在网格 {code} 内"),
            format!("The place lies in cell {code}"),
        ),
        PlaceReason::OnBorderLowestId => words(
            format!("位置在网格边界上,按编号归网格 {code}"),
            format!("The place lies on a border and goes to cell {code} by its id"),
        ),
        PlaceReason::NearestCell => words(
            format!(
                "位置不在任何网格内,可派的最近网格 {code} 相距 {:.0} 米",
                far.0
            ),
            format!(
                "The place lies in no cell; the nearest that can take it, {code}, is {far} away"
            ),
        ),
        PlaceReason::EquallyNearLowestId => words(
            format!(
                "位置不在任何网格内,几个网格同样近,按编号归网格 {code},相距 {:.0} 米",
                far.0
            ),
            format!(
                "The place lies in no cell; of several equally near, {code} takes it by its id, \
                 {far} away"
            ),
        ),
        PlaceReason::NoCellInReach => words("位置附近没有网格", "There is no cell near the place"),
        PlaceReason::AccountAreaWithoutCell => words(
            "户号所属台区不在任何网格内",
            "The account's station area is in no cell",
        ),
        PlaceReason::OtherStationsGround => words(
            "位置在其他供电所辖区内",
            "The place is on the ground of another station",
        ),
        PlaceReason::NoPlace if placed.account_unknown => words(
            "户号查不到,也没有位置",
            "The account number is not known and there is no place",
        ),
        PlaceReason::NoPlace => words("没有户号也没有位置", "There is neither account nor place"),
    }
}

/// How the owner before let go, and why A and B were passed over.
fn before(decision: &Decision) -> Words {
    let mut said = match decision.reason.as_ref() {
        code if code == LetGo::Declined.code() => {
            words("上一责任人已退单,", "the owner declined; ")
        }
        code if code == LetGo::NotTaken.code() => words(
            "上一责任人未按时接单,",
            "the owner did not take it in time; ",
        ),
        code if code == LetGo::HandedOver.code() => {
            words("上一责任人已转交,", "the owner handed it over; ")
        }
        code if code == LetGo::Left.code() => {
            words("上一责任人已不在岗位,", "the owner is not there any more; ")
        }
        code if code == LetGo::OnLeave.code() => words("原责任人请假,", "the owner is on leave; "),
        code if code == LetGo::LeaveOver.code() => {
            words("原责任人已返岗,", "the owner before is back from leave; ")
        }
        _ => Words::default(),
    };
    if decision.rung == LadderRung::HandOver {
        return said;
    }
    let earlier = decision
        .candidates
        .iter()
        .take_while(|candidate| candidate.passed_over.is_some());
    for candidate in earlier {
        let (zh, en) = match candidate.rung {
            LadderRung::RoleA => ("A角", "A"),
            LadderRung::RoleB => ("B角", "B"),
            LadderRung::Duty => ("值班人员", "who is on duty"),
            LadderRung::Cover => ("顶班人员", "who covers"),
            _ => continue,
        };
        if let Some(why) = candidate.passed_over.and_then(passed) {
            said.zh.push_str(&format!("{zh}{},", why.zh));
            said.en.push_str(&format!("{en} {}; ", why.en));
        }
    }
    said
}

fn passed(why: PassedOver) -> Option<Words> {
    Some(match why {
        PassedOver::Vacant => words("空缺", "is vacant"),
        PassedOver::NotOfStation => words("已不在本所", "is not of the station any more"),
        PassedOver::Disabled => words("已停用", "is disabled"),
        PassedOver::OffDuty => words("不当班", "is off duty"),
        PassedOver::Declined => words("已退单", "declined"),
        PassedOver::NotTaken => words("未按时接单", "did not take it in time"),
        PassedOver::HandedOver => words("已转交", "handed it over"),
        PassedOver::Busy => words("正忙", "is busy"),
        PassedOver::EnoughAsked | PassedOver::NotNeeded => return None,
    })
}

fn owner(decision: &Decision) -> Words {
    let distance = decision
        .candidates
        .iter()
        .find(|candidate| candidate.passed_over.is_none())
        .and_then(|candidate| candidate.distance_m);
    let (near_zh, near_en) = distance.map_or_else(Default::default, |metres| {
        (
            format!("(相距 {:.0} 米)", metres.0),
            format!(", {metres} away,"),
        )
    });
    match decision.rung {
        LadderRung::RoleA => words("由A角负责", "its A manager is the owner"),
        LadderRung::RoleB => words("由B角负责", "its B manager is the owner"),
        LadderRung::Team => words(
            format!("由同一服务小组最近的空闲台区经理{near_zh}负责"),
            format!("the nearest free manager of the same service team{near_en} is the owner"),
        ),
        LadderRung::Crew => words("由班组负责", "the crew is the owner"),
        LadderRung::Station => words("由供电所值班台负责", "the station's desk is the owner"),
        LadderRung::HandOver => words("由被指定的人负责", "the person named is the owner"),
        LadderRung::Cover => words("由顶班人员负责", "who covers the cell is the owner"),
        LadderRung::Duty => on_duty(decision),
    }
}

/// By which table, and for what.
fn on_duty(decision: &Decision) -> Words {
    let Some(duty) = &decision.duty else {
        return words("由值班人员负责", "who is on duty is the owner");
    };
    let (zh, en) = match duty.kind {
        DutyKind::Night => ("夜间", "at night"),
        DutyKind::Weekend => ("周末", "at the weekend"),
        DutyKind::Holiday => ("节假日", "on the holiday"),
    };
    words(
        format!("{zh}由值班表“{}”的值班人员负责", duty.table),
        format!(
            "who is on duty {en} by the table “{}” is the owner",
            duty.table
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{ladder::Candidate, place::Placed};
    use gridcrew_sync_protocol::{
        ids::{CellId, OrgId, PersonId},
        record::Owner,
    };
    use uuid::Uuid;

    #[test]
    fn the_sentence_says_the_place_who_was_passed_over_and_the_owner() {
        let person = |n| Some(Owner::Person(PersonId(Uuid::from_u128(n))));
        let candidate = |who, rung, passed_over| Candidate {
            who,
            rung,
            distance_m: None,
            passed_over,
        };
        let desk = Owner::Desk(OrgId(Uuid::from_u128(9)));
        let decision = Decision {
            owner: person(2).unwrap(),
            rung: LadderRung::RoleB,
            reason: "nearest_cell".into(),
            placed: Placed {
                station: None,
                cell: Some(CellId(Uuid::from_u128(5))),
                cell_code: Some("C05".into()),
                station_area: None,
                territory_version: 1,
                reason: PlaceReason::NearestCell,
                distance_m: Some(Metres(240.4)),
                account_unknown: false,
                cells: smallvec::SmallVec::new(),
            },
            candidates: vec![
                candidate(person(1), LadderRung::RoleA, Some(PassedOver::OffDuty)),
                candidate(person(2), LadderRung::RoleB, None),
                candidate(Some(desk), LadderRung::Station, Some(PassedOver::NotNeeded)),
            ],
            limits_version: 1,
            duty: None,
        };
        let said = sentence(&decision);
        assert_eq!(
            said.en,
            "The place lies in no cell; the nearest that can take it, C05, is 240 m away; A is off duty; its B \
             manager is the owner."
        );
        assert_eq!(
            said.zh,
            "位置不在任何网格内,可派的最近网格 C05 相距 240 米;A角不当班,由B角负责。"
        );
    }
}
