//! The colours of lines: one for each runtime, however many there are.
//!
//! Ours take hues from green to violet, peers from red to yellow. The colours are made in OKLCH, in
//! which equal steps look equal: hue and lightness move on with each runtime, so that those beside
//! each other in the legend differ most.

use std::fmt::Write;

/// Degrees from the first hue of ours; the peers' lie around it.
const OURS: Hues = Hues { from: 135.0, span: 175.0 };
const PEERS: Hues = Hues { from: -30.0, span: 140.0 };

/// How light colours are on a light page, in turn.
const LIGHT: [f64; 3] = [0.52, 0.66, 0.38];
/// The same on a dark page.
const DARK: [f64; 3] = [0.74, 0.87, 0.62];
/// How strong they are, where the screen can show it.
const CHROMA: f64 = 0.15;

/// A part of the circle of hues, in degrees.
struct Hues {
    from: f64,
    span: f64,
}

impl Hues {
    /// The hue of a shade: each lies in the widest gap that the earlier ones leave.
    fn at(&self, shade: usize) -> f64 {
        // Van der Corput's sequence: the digits of the number, mirrored at the point.
        let (mut rest, mut place, mut share) = (shade, 0.5, 0.0);
        while rest > 0 {
            share += place * (rest % 2) as f64;
            rest /= 2;
            place /= 2.0;
        }
        self.from + self.span * share
    }
}

/// The variables of `shades` lines of each kind, as a light page has them.
pub(crate) fn style(shades: usize) -> String {
    format!(":root {{{}}}\n", variables(shades, LIGHT))
}

/// What replaces them on a dark page. It must stand behind [`style`].
pub(crate) fn dark_style(shades: usize) -> String {
    format!("@media (prefers-color-scheme: dark) {{ :root {{{}}} }}\n", variables(shades, DARK))
}

fn variables(shades: usize, lightness: [f64; 3]) -> String {
    let mut text = String::new();
    for (name, hues) in [("ours", OURS), ("peer", PEERS)] {
        for shade in 0..shades {
            // Writing to a string cannot fail.
            let _ =
                write!(text, " --{name}-{shade}: {};", hex(lightness[shade % 3], hues.at(shade)));
        }
    }
    text
}

fn hex(lightness: f64, hue: f64) -> String {
    // Strong colours of some hues do not exist on a screen: weaker ones do.
    let strengths = (0..=15).rev().map(|step| CHROMA * f64::from(step) / 15.0);
    let rgb = strengths
        .map(|chroma| srgb(lightness, chroma, hue))
        .find(|rgb| rgb.iter().all(|v| (0.0..=1.0).contains(v)));
    let [r, g, b] = rgb.unwrap_or([lightness; 3]).map(|v| (v * 255.0).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// OKLCH as sRGB (Björn Ottosson, 2020); outside 0 to 1 where a screen cannot show it.
fn srgb(lightness: f64, chroma: f64, hue: f64) -> [f64; 3] {
    let (sin, cos) = hue.to_radians().sin_cos();
    let (a, b) = (chroma * cos, chroma * sin);
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    linear.map(|v| if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colours(lightness: [f64; 3], shades: usize) -> Vec<[i32; 3]> {
        let text = variables(shades, lightness);
        let hexes = text.split('#').skip(1).map(|rest| &rest[..6]);
        let part = |hex: &str, i: usize| {
            i32::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal")
        };
        hexes.map(|hex| [0, 1, 2].map(|i| part(hex, i))).collect()
    }

    #[test]
    fn sixteen_of_each_kind_can_be_told_apart_in_both_modes() {
        for lightness in [LIGHT, DARK] {
            let all = colours(lightness, 16);
            assert_eq!(all.len(), 32);
            // Peers are dashed: within a kind the colours alone must do.
            for kind in all.chunks(16) {
                for (i, a) in kind.iter().enumerate() {
                    for b in &kind[..i] {
                        let distance: i32 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
                        assert!(distance >= 24, "{a:?} and {b:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_colour_returns_however_many_there_are() {
        let mut all = colours(LIGHT, 60);
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }
}
