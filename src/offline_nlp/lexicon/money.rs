//! Amounts with their units: money, percentages, temperatures, lengths, weights and the like.

use serde_json::{Value, json};

use super::{numbers, scene::Scene, text::Kind, tongue::Tongue};

/// A currency, and what part of it its word names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Currency {
    pub code: &'static str,
    share: f64,
    /// Names something else as often: `pound`, `real`, `rand`.
    is_weak: bool,
}

const fn whole(code: &'static str) -> Currency {
    Currency { code, share: 1.0, is_weak: false }
}

const fn weak(code: &'static str) -> Currency {
    Currency { code, share: 1.0, is_weak: true }
}

/// The currency that word `at` names.
pub(super) fn currency_at(scene: &Scene<'_>, at: usize) -> Option<Currency> {
    Some(match scene.text.folded(at) {
        "€" | "eur" | "euro" | "euros" => whole("EUR"),
        "$" | "usd" | "dollar" | "dollars" => whole("USD"),
        "buck" | "bucks" => weak("USD"),
        "£" | "gbp" => whole("GBP"),
        "pound" | "pounds" | "pfund" | "quid" => weak("GBP"),
        "chf" | "franken" | "franc" | "francs" | "sfr" => whole("CHF"),
        "yen" | "jpy" | "¥" => whole("JPY"),
        "yuan" | "cny" | "rmb" | "renminbi" => whole("CNY"),
        "rupee" | "rupees" | "rupien" | "inr" | "₹" => whole("INR"),
        "zloty" | "zlotys" | "pln" => whole("PLN"),
        "sek" if !scene.tongue.is_german() => whole("SEK"),
        "nok" => whole("NOK"),
        "dkk" => whole("DKK"),
        "lira" | "try" if scene.text.folded(at) == "lira" => whole("TRY"),
        "rubel" | "ruble" | "rubles" | "rub" => whole("RUB"),
        "forint" | "huf" => whole("HUF"),
        "czk" => whole("CZK"),
        "cad" => whole("CAD"),
        "aud" => whole("AUD"),
        "peso" | "pesos" | "mxn" => whole("MXN"),
        "cent" | "cents" | "¢" => Currency { code: cents(scene.tongue), share: 0.01, is_weak: true },
        "pence" | "penny" => Currency { code: "GBP", share: 0.01, is_weak: true },
        "rappen" => Currency { code: "CHF", share: 0.01, is_weak: true },
        _ => return None,
    })
}

const fn cents(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::English { .. } => "USD",
        Tongue::German | Tongue::Other => "EUR",
    }
}

pub(super) fn currency_name_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let currency = currency_at(scene, at).filter(|it| !it.is_weak || it.share == 1.0 && scene.text.len() == 1)?;
    Some((at + 1, Value::from(currency.code)))
}

/// `$50`, `50 euros`, `1.000,50 €`, `20 dollars and 5 cents`, `fünf Euro zwanzig`.
pub(super) fn amount_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let json = |end, amount: f64, code: &str| {
        // Whole cents: what floats add to them is no money.
        let amount = (amount * 1e4).round() / 1e4;
        Some((end, json!({ "amount": numbers::json(amount), "currency": code })))
    };
    if let Some(currency) = currency_at(scene, at).filter(|it| !it.is_weak) {
        let number = scene.number(at + 1).filter(|it| it.value >= 0.0)?;
        return json(number.end, number.value, currency.code);
    }
    let article = scene.is(at, &["a", "one", "ein", "einen", "eine", "einem"]);
    let (unit_at, value) = match scene.number(at) {
        Some(number) => (number.end, number.value),
        None => (at + 1, article.then_some(1.0)?),
    };
    if at > 0 && scene.text.is_tight(at) && currency_at(scene, at - 1).is_some() {
        return None;
    }
    let unit_at = scene.skip(unit_at, &["us"]);
    let currency = currency_at(scene, unit_at)?;
    if scene.text.is_glued(unit_at + 1) {
        return None;
    }
    let amount = value * currency.share;
    let next = scene.skip(unit_at + 1, &["and", "und"]);
    if let Some(small) = scene.number(next).filter(|it| (1.0..100.0).contains(&it.value) && currency.share == 1.0) {
        let minor = currency_at(scene, small.end).filter(|it| it.share < 1.0);
        if minor.is_some() {
            return json(small.end + 1, amount + small.value / 100.0, currency.code);
        }
        // `fünf Euro zwanzig`
        let is_end = scene.text.kind(small.end).is_none_or(|it| it == Kind::Sign);
        if scene.tongue.is_german()
            && next == unit_at + 1
            && is_end
            && value.fract() == 0.0
            && !scene.text.is_sign(unit_at, "€")
        {
            return json(small.end, amount + small.value / 100.0, currency.code);
        }
    }
    json(unit_at + 1, amount, currency.code)
}

pub(super) fn percentage_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let number = scene.number(at)?;
    let named = scene.is(number.end, &["%", "percent", "prozent", "pct"]).then_some(number.end + 1);
    let end = named.or_else(|| scene.after(number.end, &["per", "cent"]))?;
    Some((end, Value::from(format!("{}%", numbers::json(number.value)))))
}

/// `20 °C`, `68 degrees Fahrenheit`, `minus 5 Grad`.
pub(super) fn temperature_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let number = scene.number(at)?;
    let json = |end, unit| Some((end, json!({ "amount": numbers::json(number.value), "unit": unit })));
    let degree = number.end;
    if scene.is(degree, &["°c"]) {
        return json(degree + 1, "C");
    }
    let next = scene.skip(degree, &["°", "degrees", "degree", "grad"]);
    let unit = match scene.text.folded(next) {
        "celsius" | "centigrade" => Some("C"),
        "fahrenheit" => Some("F"),
        "c" if next > degree || scene.text.is_capital(next) => Some("C"),
        "f" if next > degree || scene.text.is_capital(next) => Some("F"),
        _ => None,
    };
    match unit {
        Some(unit) => json(next + 1, unit),
        None if next > degree => {
            json(next, if scene.tongue == (Tongue::English { american: true }) { "F" } else { "C" })
        }
        None => None,
    }
}

/// Units of measure: what they measure, their words, and their code.
const MEASURES: &[(&str, &[&str], &str)] = &[
    ("sys.unit-length", &["mm", "millimeter", "millimeters"], "mm"),
    ("sys.unit-length", &["cm", "centimeter", "centimeters", "zentimeter"], "cm"),
    ("sys.unit-length", &["m", "meter", "meters", "metre", "metres", "metern"], "m"),
    ("sys.unit-length", &["km", "kilometer", "kilometers", "kilometre", "kilometres", "kilometern"], "km"),
    ("sys.unit-length", &["inch", "inches", "zoll"], "inch"),
    ("sys.unit-length", &["ft", "foot", "feet"], "ft"),
    ("sys.unit-length", &["mile", "miles", "meile", "meilen"], "mi"),
    ("sys.unit-weight", &["g", "gram", "grams", "gramm"], "g"),
    ("sys.unit-weight", &["kg", "kilo", "kilos", "kilogram", "kilograms", "kilogramm"], "kg"),
    ("sys.unit-weight", &["lb", "lbs"], "lb"),
    ("sys.unit-weight", &["oz", "ounce", "ounces"], "oz"),
    ("sys.unit-weight", &["ton", "tons", "tonne", "tonnes", "tonnen"], "t"),
    ("sys.unit-volume", &["l", "liter", "liters", "litre", "litres", "litern"], "L"),
    ("sys.unit-volume", &["ml", "milliliter", "milliliters"], "mL"),
    ("sys.unit-information", &["gb", "gigabyte", "gigabytes"], "GB"),
    ("sys.unit-information", &["mb", "megabyte", "megabytes"], "MB"),
    ("sys.unit-information", &["tb", "terabyte", "terabytes"], "TB"),
];

pub(super) fn length_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    measure(scene, at, "sys.unit-length")
}

pub(super) fn weight_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    measure(scene, at, "sys.unit-weight")
}

pub(super) fn volume_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    measure(scene, at, "sys.unit-volume")
}

pub(super) fn information_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    measure(scene, at, "sys.unit-information")
}

fn measure(scene: &Scene<'_>, at: usize, kind: &str) -> Option<(usize, Value)> {
    let number = scene.number(at)?;
    let (_, _, code) = MEASURES.iter().find(|(of, words, _)| *of == kind && scene.is(number.end, words))?;
    Some((number.end + 1, json!({ "amount": numbers::json(number.value), "unit": code })))
}
