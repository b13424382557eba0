//! A QR code as a drawing: one path of squares, black on white, with its quiet margin.

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// Modules of margin on each side (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;

/// The code of a text; none when it is too long for any code.
#[must_use]
pub fn svg(text: &str, label: &str) -> Option<Markup> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, colours) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (place, colour) in colours.iter().enumerate() {
        if *colour == Color::Dark {
            let (x, y) = (place % width + QUIET, place / width + QUIET);
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    let side = width + 2 * QUIET;
    let around = format!("0 0 {side} {side}");
    Some(html! {
        svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox=(around) role="img"
            aria-label=(label) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    })
}
