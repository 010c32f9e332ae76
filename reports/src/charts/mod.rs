//! Charts as inline SVG. Plotters draws them; the page's style sheet colours them.
//!
//! Each chart is drawn twice, for a wide and for a narrow page: shrinking the wide one to a phone
//! would shrink its text with it. The style sheet shows one of the two.

mod axis;
mod canvas;

pub(crate) mod bars;
pub(crate) mod palette;
pub(crate) mod percentiles;

use serde::Serialize;

/// Drawing failed. Drawing goes into memory, so only a broken chart can cause this.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw: {0}")]
pub struct ChartError(String);

/// A chart for both widths.
#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    /// For pages of at least [`Size::Wide`]'s width.
    pub wide: Svg,
    /// For phones.
    pub narrow: Svg,
    /// What the chart shows, for those who cannot see it.
    pub label: String,
}

/// The content of an `svg` element and the box that it fills.
#[derive(Debug, Serialize)]
pub(crate) struct Svg {
    /// Width of the view box.
    pub width: i32,
    /// Height of the view box.
    pub height: i32,
    /// The width on a page without zoom, in CSS pixels.
    pub css_width: i32,
    /// SVG elements; text in them is escaped.
    pub body: String,
}

/// The two widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// 760 px.
    Wide,
    /// 328 px: a phone of 360 px less its margins.
    Narrow,
}

impl Size {
    /// Width in CSS pixels.
    fn width(self) -> f64 {
        self.pick(760.0, 328.0)
    }

    /// Font size in CSS pixels.
    fn font(self) -> f64 {
        self.pick(12.5, 11.5)
    }

    /// A name as long as the chart has room for.
    fn shorten(self, name: &str) -> String {
        let most = self.pick(26, 18);
        if name.chars().count() <= most {
            return name.to_owned();
        }
        name.chars().take(most - 1).chain(['…']).collect()
    }

    /// The width of the longest of `names` in CSS pixels, in a wide font.
    fn room(self, names: impl IntoIterator<Item = impl AsRef<str>>) -> f64 {
        let longest =
            names.into_iter().map(|name| self.shorten(name.as_ref()).chars().count()).max();
        longest.unwrap_or(0) as f64 * self.font() * 0.6
    }

    /// One of two values.
    fn pick<T>(self, wide: T, narrow: T) -> T {
        match self {
            Self::Wide => wide,
            Self::Narrow => narrow,
        }
    }
}

/// Draws a chart for both widths.
fn both(
    label: String,
    draw: impl Fn(Size) -> Result<Svg, ChartError>,
) -> Result<Chart, ChartError> {
    Ok(Chart { wide: draw(Size::Wide)?, narrow: draw(Size::Narrow)?, label })
}
