//! How a demonstration order is worked: the steps of fault repair with their fields.

use gridcrew_sync_protocol::record::Value;

/// A step: minutes after acceptance, code, fields, photo slot.
pub(super) struct Work {
    pub(super) minute: u32,
    pub(super) step: &'static str,
    pub(super) values: Vec<(&'static str, Value)>,
    pub(super) photo: Option<&'static str>,
}

fn text(words: &str) -> Value {
    Value::Text(words.to_owned())
}

/// The whole job. `n` varies what was wrong.
pub(super) fn steps(n: usize) -> Vec<Work> {
    const CAUSES: [(&str, &str, &str); 4] = [
        ("LV-03", "接户线断线", "更换接户线并紧固接头"),
        ("LV-11", "表前开关烧损", "更换表前开关"),
        ("LV-07", "接头氧化发热", "打磨接头并重新压接"),
        ("LV-15", "漏电保护器动作", "查找漏电点,更换保护器"),
    ];
    let (code, cause, done) = CAUSES
        .get(n % CAUSES.len())
        .copied()
        .unwrap_or(("", "", ""));
    let late = u32::try_from(n % 5).unwrap_or(0) * 9;
    let work = |minute, step, values, photo| Work {
        minute,
        step,
        values,
        photo,
    };
    vec![
        work(
            6,
            "phone_customer",
            vec![
                ("reached", Value::Flag(true)),
                ("eta_minutes", Value::Whole(25)),
            ],
            None,
        ),
        work(
            28 + late,
            "arrived",
            vec![("told_how", text("in_person"))],
            Some("site"),
        ),
        work(
            36 + late,
            "diagnosis",
            vec![
                ("property_class", text("utility")),
                ("fault_code", text(code)),
                ("cause", text(cause)),
            ],
            Some("fault"),
        ),
        work(
            60 + late,
            "repair",
            vec![("work_done", text(done))],
            Some("work"),
        ),
        work(
            66 + late,
            "restored",
            vec![("voltage", text("224.6")), ("phases", text("one"))],
            Some("meter"),
        ),
        work(
            72 + late,
            "return",
            vec![("summary", text("已恢复供电,客户满意"))],
            None,
        ),
    ]
}
