use super::{BoardContent, page, qr};

fn board() -> BoardContent {
    BoardContent {
        station: "丁集供电所".to_owned(),
        code: "G07".to_owned(),
        name: "老街网格".to_owned(),
        role_a: Some("王建国".to_owned()),
        role_b: None,
        phone: "0554-8123 4567".to_owned(),
        service_zh: "故障抢修\n用电咨询".to_owned(),
        service_en: "Repairs".to_owned(),
    }
}

#[test]
fn the_mark_follows_what_the_board_says_and_nothing_else() {
    let mark = board().mark();
    assert_eq!(mark.0.len(), 12);
    assert_eq!(board().mark(), mark);
    let changes: [fn(&mut BoardContent); 4] = [
        |board| board.role_a = Some("李伟".to_owned()),
        |board| board.role_b = Some("李伟".to_owned()),
        |board| board.phone = "1".to_owned(),
        |board| board.service_zh.clear(),
    ];
    for change in changes {
        let mut other = board();
        change(&mut other);
        assert_ne!(other.mark(), mark);
    }
    // What moves from one field to the next is another content.
    let (mut one, mut other) = (board(), board());
    (one.code, one.name) = ("G0".to_owned(), "7x".to_owned());
    (other.code, other.name) = ("G07".to_owned(), "x".to_owned());
    assert_ne!(one.mark(), other.mark());
}

#[test]
fn whatever_is_written_on_a_board_is_shown_as_text() {
    let bad = "<script>alert(1)</script>\"'&";
    let board = BoardContent {
        station: bad.to_owned(),
        code: bad.to_owned(),
        name: bad.to_owned(),
        role_a: Some(bad.to_owned()),
        role_b: Some(bad.to_owned()),
        phone: bad.to_owned(),
        service_zh: bad.to_owned(),
        service_en: bad.to_owned(),
    };
    for shown in [page::page(&board), page::sheet(&board, Some(bad))] {
        let shown = shown.into_string();
        assert!(!shown.contains("<script"), "{shown}");
        assert!(shown.contains("&lt;script&gt;"));
        assert!(!shown.contains("http-equiv"));
    }
}

#[test]
fn the_policy_allows_the_one_style_and_nothing_else() {
    let policy = page::policy();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
    assert!(!page::page(&board()).into_string().contains("style="));
}

#[test]
fn an_address_becomes_a_code_and_one_without_end_does_not() {
    let drawn = qr::svg("https://example.org/board/x", "code")
        .unwrap()
        .into_string();
    assert!(drawn.contains("viewBox=\"0 0 "));
    assert!(qr::svg(&"x".repeat(5_000), "code").is_none());
    let sheet = page::sheet(&board(), None).into_string();
    assert!(!sheet.contains("<svg") && sheet.contains("未设置公开网址"));
}
