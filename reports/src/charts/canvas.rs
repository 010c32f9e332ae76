//! A drawing whose colours are names: plotters writes SVG, the page's style sheet gives the
//! colours.
//!
//! Plotters knows only fixed colours, which cannot follow light and dark mode. Each [`Ink`] is
//! therefore drawn in a colour of its own that stands for it, and replaced by its CSS variable.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{ChartError, Size, Svg};

/// Drawing units per CSS pixel: plotters rounds coordinates to whole units.
const UNITS: f64 = 10.0;
/// Plotters writes text smaller than asked for, by this factor.
const FONT_FACTOR: f64 = 1.24;

/// What a mark means; the style sheet decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Names and values.
    Text,
    /// Axis labels and remarks.
    Muted,
    /// Lines that guide the eye.
    Grid,
    /// Area of a bar of ours.
    OursArea,
    /// Spread of a bar of ours.
    Ours,
    /// Area of a peer's bar.
    PeerArea,
    /// Spread and outline of a peer's bar.
    Peer,
    /// The background, to set a mark apart from what lies under it.
    Paper,
    /// Line of one of our runtimes, by its shade.
    OursLine(usize),
    /// Line of one of the peers, by its shade; dashed.
    PeerLine(usize),
}

/// The inks that are always there, in the order of their stand-ins.
const PLAIN: [Ink; 8] = [
    Ink::Text,
    Ink::Muted,
    Ink::Grid,
    Ink::OursArea,
    Ink::Ours,
    Ink::PeerArea,
    Ink::Peer,
    Ink::Paper,
];

impl Ink {
    /// The colour that stands for the ink until [`name_colours`] replaces it. Shades beyond 255
    /// would share theirs.
    fn stand_in(self) -> RGBColor {
        match self {
            Self::OursLine(shade) => RGBColor(0xC0, 0xDF, shade as u8),
            Self::PeerLine(shade) => RGBColor(0xC0, 0xE0, shade as u8),
            plain => {
                RGBColor(0xC0, 0xDE, PLAIN.iter().position(|ink| *ink == plain).unwrap_or(0) as u8)
            }
        }
    }

    /// The ink that the colour `rrggbb` stands for.
    fn stood_for(hex: &str) -> Option<Self> {
        let index = usize::from_str_radix(hex.get(4..6)?, 16).ok()?;
        match &hex[..4] {
            "C0DE" => PLAIN.get(index).copied(),
            "C0DF" => Some(Self::OursLine(index)),
            "C0E0" => Some(Self::PeerLine(index)),
            _ => None,
        }
    }

    /// The name of its CSS variable.
    fn variable(self) -> String {
        match self {
            Self::Text => "--text".to_owned(),
            Self::Muted => "--muted".to_owned(),
            Self::Grid => "--grid".to_owned(),
            Self::OursArea => "--ours-area".to_owned(),
            Self::Ours => "--ours".to_owned(),
            Self::PeerArea => "--peer-area".to_owned(),
            Self::Peer => "--peer".to_owned(),
            Self::Paper => "--paper".to_owned(),
            Self::OursLine(shade) => format!("--ours-{}", shade % 256),
            Self::PeerLine(shade) => format!("--peer-{}", shade % 256),
        }
    }
}

/// Where a text's position lies in it: always halfway up.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing in progress. Positions are CSS pixels from the upper left corner.
pub(super) struct Canvas<'a> {
    size: Size,
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws a chart of `size` and `height` pixels with `paint`.
pub(super) fn draw(
    size: Size,
    height: f64,
    paint: impl FnOnce(&Canvas<'_>) -> Result<(), ChartError>,
) -> Result<Svg, ChartError> {
    let (width, height) = (units(size.width()), units(height));
    let mut svg = String::new();
    let canvas = {
        let area = SVGBackend::with_string(&mut svg, (width.unsigned_abs(), height.unsigned_abs()));
        Canvas { size, area: area.into_drawing_area() }
    };
    paint(&canvas)?;
    canvas.area.present().map_err(failed)?;
    drop(canvas);
    // The page writes the root element itself, so that it can name and size the chart.
    let body = svg.split_once(">\n").and_then(|(_, rest)| rest.rsplit_once("</svg>"));
    let body = body.ok_or_else(|| ChartError("plotters wrote no svg element".to_owned()))?.0;
    Ok(Svg { width, height, css_width: size.width() as i32, body: name_colours(body) })
}

/// Replaces the colours that stand for inks. Only attributes can match: quotes in text are escaped.
fn name_colours(svg: &str) -> String {
    const MARK: &str = "=\"#";
    let svg = svg.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
    let mut parts = svg.split(MARK);
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some(ink) = Ink::stood_for(part) else {
            named.push_str(MARK);
            named.push_str(part);
            continue;
        };
        let dashes =
            if matches!(ink, Ink::PeerLine(_)) { " stroke-dasharray=\"50 30\"" } else { "" };
        // Six digits and the quote that closes them.
        let rest = part.get(7..).unwrap_or_default();
        named.push_str(&format!("=\"var({})\"{dashes}{rest}", ink.variable()));
    }
    named
}

impl Canvas<'_> {
    /// A filled rectangle.
    pub(super) fn rect(
        &self,
        (x0, y0): (f64, f64),
        (x1, y1): (f64, f64),
        ink: Ink,
    ) -> Result<(), ChartError> {
        let corners = [(units(x0), units(y0)), (units(x1), units(y1))];
        self.area.draw(&Rectangle::new(corners, ink.stand_in().filled())).map_err(failed)
    }

    /// A line through `points`, `width` pixels wide. `strength` below 1 makes it fainter.
    pub(super) fn line(
        &self,
        points: impl IntoIterator<Item = (f64, f64)>,
        ink: Ink,
        width: f64,
        strength: f64,
    ) -> Result<(), ChartError> {
        let points: Vec<_> = points.into_iter().map(|(x, y)| (units(x), units(y))).collect();
        let style = ink.stand_in().mix(strength).stroke_width(units(width).unsigned_abs());
        self.area.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// A disc.
    pub(super) fn disc(&self, (x, y): (f64, f64), radius: f64, ink: Ink) -> Result<(), ChartError> {
        let disc = Circle::new((units(x), units(y)), units(radius), ink.stand_in().filled());
        self.area.draw(&disc).map_err(failed)
    }

    /// A text in the chart's font size.
    pub(super) fn text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        ink: Ink,
    ) -> Result<(), ChartError> {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let size = self.size.font() * UNITS * FONT_FACTOR;
        let colour = ink.stand_in();
        let style =
            TextStyle::from(("inherit", size)).color(&colour).pos(Pos::new(h_pos, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), (units(x), units(y)), style)).map_err(failed)
    }
}

fn units(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

fn failed(error: DrawingAreaErrorKind<std::io::Error>) -> ChartError {
    ChartError(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn colours_are_names_and_text_stays_text() {
        let hostile = r##"</text><script>alert(1)</script>" fill="#C0DE00"##;
        let svg = draw(Size::Narrow, 100.0, |canvas| {
            canvas.text(hostile, (0.0, 10.0), Anchor::Start, Ink::Text)?;
            canvas.line([(0.0, 0.0), (5.0, 5.0)], Ink::PeerLine(7), 1.5, 1.0)
        });
        let body = svg.expect("drawn").body;
        let document = format!("<svg>{body}</svg>");
        let document = roxmltree::Document::parse(&document).expect("well-formed");
        let text = document.descendants().find(|n| n.has_tag_name("text")).expect("a text");
        assert_eq!(text.text().map(str::trim), Some(hostile));
        assert_eq!(text.attribute("fill"), Some("var(--text)"));
        let line = document.descendants().find(|n| n.has_tag_name("polyline")).expect("a line");
        assert_eq!(line.attribute("stroke"), Some("var(--peer-7)"));
        assert_eq!(line.attribute("stroke-width"), Some("15"));
        assert!(!document.descendants().any(|n| n.has_tag_name("script")));
    }

    #[test]
    fn every_ink_has_a_colour_and_a_name_of_its_own() {
        let lines = (0..200).flat_map(|shade| [Ink::OursLine(shade), Ink::PeerLine(shade)]);
        let inks: Vec<_> = PLAIN.into_iter().chain(lines).collect();
        let names: BTreeSet<_> = inks.iter().map(|ink| ink.variable()).collect();
        assert_eq!(names.len(), inks.len());
        for ink in inks {
            let RGBColor(r, g, b) = ink.stand_in();
            assert_eq!(Ink::stood_for(&format!("{r:02X}{g:02X}{b:02X}")), Some(ink));
        }
    }
}
