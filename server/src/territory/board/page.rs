//! A board as a page for a telephone and as a sheet of A4 for the wall, Chinese first.
//!
//! Every text is escaped by the template; there is no script, no picture from elsewhere, and
//! the one style is allowed by its hash ([`policy`]).

use super::{BoardContent, qr};
use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The one style of both.
const STYLE: &str = include_str!("board.css");

/// What the pages may load: nothing but their own style.
#[must_use]
pub fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    });
    &POLICY
}

/// The page.
#[must_use]
pub fn page(board: &BoardContent) -> Markup {
    let more = html! {};
    document(board, "page", &more)
}

/// The sheet, with the address of the page as a QR code; without one where the server was not
/// told its address.
#[must_use]
pub fn sheet(board: &BoardContent, address: Option<&str>) -> Markup {
    let code = address.and_then(|address| qr::svg(address, "公示牌网页 · Page of this board"));
    let more = html! {
        div.code {
            @match code {
                Some(code) => {
                    (code)
                    p { "扫码查看最新信息" br; span lang="en" { "Scan for the latest" } }
                }
                None => p { "未设置公开网址,无二维码" br;
                    span lang="en" { "No public address is set, so there is no code" } }
            }
        }
    };
    document(board, "sheet", &more)
}

fn document(board: &BoardContent, kind: &str, more: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (board.name) " · 供电服务公示牌" }
                style { (PreEscaped(STYLE)) }
            }
            body class=(kind) {
                main {
                    header {
                        p.station { (board.station) }
                        h1 { "供电服务公示牌" }
                        p.en lang="en" { "Electricity service notice" }
                    }
                    p.cell { (board.name) span.number { (board.code) } }
                    dl.people {
                        (person("台区经理(A角)", "Manager (A)", board.role_a.as_deref()))
                        (person("台区经理(B角)", "Stand-in (B)", board.role_b.as_deref()))
                    }
                    (telephone(&board.phone))
                    section.service {
                        @for line in board.service_zh.lines() { p { (line) } }
                        @if !board.service_en.is_empty() {
                            div.en lang="en" { @for line in board.service_en.lines() { p { (line) } } }
                        }
                    }
                    (more)
                    footer {
                        p { "供电服务热线 " strong { "95598" } " · 能源监管热线 " strong { "12398" } }
                        p.en lang="en" { "Power service 95598 · Energy regulator 12398" }
                        p.mark { "版本 " (board.mark().0) }
                    }
                }
            }
        }
    }
}

fn person(zh: &str, en: &str, name: Option<&str>) -> Markup {
    html! {
        div {
            dt { (zh) span.en lang="en" { (en) } }
            dd { (name.unwrap_or("暂缺 · vacant")) }
        }
    }
}

/// The cell's telephone, to be called from the page.
fn telephone(phone: &str) -> Markup {
    let dialled: String = phone
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect();
    html! {
        p.phone {
            span.label { "服务电话" span.en lang="en" { "Telephone" } }
            a href=(format!("tel:{dialled}")) { (phone) }
        }
    }
}
