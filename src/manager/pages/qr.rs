//! A text as a picture that a telephone reads: a QR code (ISO/IEC 18004) in SVG, without a style of its own.

use std::fmt::Write as _;

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// Around it, in modules: whoever reads it needs as much, white on a dark page as well.
const QUIET: usize = 4;

/// `None`: the text is longer than any such picture.
pub(super) fn picture(text: &str, label: &str) -> Option<Markup> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let side = code.width() + 2 * QUIET;
    Some(html! {
        svg class="qr" role="img" aria-label=(label) viewBox={ "0 0 " (side) " " (side) } shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path(&code)) fill="#000" {}
        }
    })
}

/// All dark modules, those of a row that stand together as one.
fn path(code: &QrCode) -> String {
    let (colors, mut path) = (code.to_colors(), String::new());
    for (y, row) in colors.chunks(code.width().max(1)).enumerate() {
        let mut x = QUIET;
        for run in row.chunk_by(|one, next| one == next) {
            if run.first() == Some(&Color::Dark) {
                write!(path, "M{x} {}h{}v1h-{}z", y + QUIET, run.len(), run.len()).unwrap_or_default();
            }
            x += run.len();
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/Usher:ann?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Usher";

    /// The picture's dark modules as somebody sees them, by row and column.
    fn seen(picture: &str) -> Vec<Vec<bool>> {
        let between = |from: &str, to: &str| picture.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
        let side: usize = between("viewBox=\"0 0 ", " ").parse().unwrap();
        let mut modules = vec![vec![false; side]; side];
        for run in between("d=\"M", "z\"").split("zM") {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (x, y, length): (usize, usize, usize) =
                (x.parse().unwrap(), y.parse().unwrap(), rest.split_once('v').unwrap().0.parse().unwrap());
            modules[y][x..x + length].fill(true);
        }
        modules
    }

    #[test]
    fn a_reader_reads_what_was_written() {
        let picture = picture(URI, "what it is").unwrap().into_string();
        let modules = seen(&picture);
        let side = modules.len();
        assert!(
            modules.iter().take(QUIET).chain(modules.iter().skip(side - QUIET)).flatten().all(|it| !it),
            "white around"
        );
        // Four points a module, as a camera sees more than one.
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * 4, side * 4, |x, y| {
            if modules[y / 4][x / 4] { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.iter().map(|it| it.decode().unwrap().1).collect::<Vec<_>>(), [URI]);
    }

    #[test]
    fn it_brings_no_style_and_its_name_is_text() {
        let picture = picture(URI, "a \"key\"").unwrap().into_string();
        assert!(!picture.contains("style") && picture.contains("aria-label=\"a &quot;key&quot;\""), "{picture}");
        assert!(super::picture(&"x".repeat(5000), "").is_none());
    }
}
