//! Names for the demonstration township: drawn from short lists, of nobody in particular.

use rand::{Rng, seq::IndexedRandom};

const SURNAMES: [&str; 24] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林",
    "何", "郭", "马", "罗", "梁", "宋", "郑", "谢",
];
const GIVEN: [&str; 28] = [
    "建国", "秀英", "志强", "桂兰", "海燕", "国平", "春梅", "永康", "德胜", "玉珍", "家明", "文彬",
    "立新", "红霞", "长顺", "爱民", "思远", "雪梅", "大勇", "素芬", "振华", "丽娟", "守义", "凤英",
    "学军", "金花", "庆丰", "小龙",
];
const VILLAGE_HEADS: [&str; 20] = [
    "柳", "石", "双", "清", "白", "花", "前", "后", "东", "西", "大", "小", "新", "老", "青", "平",
    "高", "长", "松", "竹",
];
const VILLAGE_TAILS: [&str; 10] = [
    "家庄", "桥", "圩", "岗", "湾", "河口", "集", "楼", "塘", "寨",
];

/// A person's name.
pub fn person(random: &mut impl Rng) -> String {
    format!("{}{}", pick(&SURNAMES, random), pick(&GIVEN, random))
}

/// The `n`-th village's name; no two of the first 200 are alike.
#[must_use]
pub fn village(n: usize) -> String {
    let head = VILLAGE_HEADS
        .get(n % VILLAGE_HEADS.len())
        .copied()
        .unwrap_or("新");
    let tail = VILLAGE_TAILS
        .get((n / VILLAGE_HEADS.len()) % VILLAGE_TAILS.len())
        .copied()
        .unwrap_or("村");
    format!("{head}{tail}")
}

fn pick<'t>(from: &[&'t str], random: &mut impl Rng) -> &'t str {
    from.choose(random).copied().unwrap_or("")
}
