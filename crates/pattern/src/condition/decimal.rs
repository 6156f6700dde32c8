//! Numbers compared by value and exactly, whatever their size.

/// The value of a JSON number: `digits × 10^exponent`, without zeros at either end of the digits.
///
/// Two literals have the same value exactly if their decimals are equal; so do not-a-double numbers such as
/// 9007199254740993. Exponents beyond 64 bits count as the greatest that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    exponent: i64,
    digits: Box<[u8]>,
}

impl Decimal {
    /// The value of `literal`, which must be a valid JSON number.
    pub(crate) fn new(literal: &[u8]) -> Self {
        let parts = Parts::of(literal);
        Self {
            negative: parts.negative,
            exponent: parts.exponent,
            digits: [parts.whole, parts.fraction].concat().into(),
        }
    }

    /// Says whether `literal`, a valid JSON number, has this value.
    pub(crate) fn equals(&self, literal: &[u8]) -> bool {
        let parts = Parts::of(literal);
        let digits_agree = self
            .digits
            .split_at_checked(parts.whole.len())
            .is_some_and(|(whole, fraction)| whole == parts.whole && fraction == parts.fraction);
        digits_agree && self.negative == parts.negative && self.exponent == parts.exponent
    }

    /// Appends a text that exactly the literals of this value share.
    pub(crate) fn write_key(&self, out: &mut Vec<u8>) {
        write_key(self.negative, self.exponent, &self.digits, &[], out);
    }

    /// Appends the [key](Self::write_key) of `literal`, a valid JSON number.
    pub(crate) fn write_key_of(literal: &[u8], out: &mut Vec<u8>) {
        let parts = Parts::of(literal);
        write_key(parts.negative, parts.exponent, parts.whole, parts.fraction, out);
    }
}

fn write_key(negative: bool, exponent: i64, whole: &[u8], fraction: &[u8], out: &mut Vec<u8>) {
    out.push(u8::from(negative));
    out.extend_from_slice(&exponent.to_le_bytes());
    out.extend_from_slice(whole);
    out.extend_from_slice(fraction);
}

/// A literal cut up: the significant digits are `whole` followed by `fraction`.
struct Parts<'a> {
    negative: bool,
    exponent: i64,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(literal: &'a [u8]) -> Self {
        let negative = literal.first() == Some(&b'-');
        let unsigned = &literal[usize::from(negative)..];
        let (mantissa, exponent) = match unsigned.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => (&unsigned[..at], exponent_of(&unsigned[at + 1..])),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|&b| b == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        let fraction = without_zeros_at_end(fraction);
        let exponent = exponent.saturating_sub(length(fraction));
        let whole = without_zeros_at_start(whole);
        let (whole, fraction, exponent) = match (whole, fraction) {
            ([], []) => return Self { negative: false, exponent: 0, whole: &[], fraction: &[] },
            ([], fraction) => (whole, without_zeros_at_start(fraction), exponent),
            (whole, []) => {
                let short = without_zeros_at_end(whole);
                (short, fraction, exponent.saturating_add(length(whole) - length(short)))
            }
            (whole, fraction) => (whole, fraction, exponent),
        };
        Self { negative, exponent, whole, fraction }
    }
}

fn exponent_of(text: &[u8]) -> i64 {
    let negative = text.first() == Some(&b'-');
    let digits = text.iter().filter(|b| b.is_ascii_digit());
    let value =
        digits.fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -value } else { value }
}

fn length(text: &[u8]) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

fn without_zeros_at_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&b| b != b'0').map_or(0, |at| at + 1);
    &text[..end]
}

fn without_zeros_at_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&b| b != b'0').unwrap_or(text.len());
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_one_value_are_equal_and_others_are_not() {
        let groups: [&[&str]; 9] = [
            &["300", "300.0", "3.0e2", "3E+2", "0.3e3", "30000e-2"],
            &["0", "-0", "0.0", "-0.000e5", "0e999999999999999999999"],
            &["-1.5", "-15e-1", "-0.15e1"],
            &["1.5"],
            &["9007199254740993"],
            &["9007199254740992"],
            &["0.001", "1e-3", "0.0010"],
            &["10.01", "1001e-2"],
            &["101"],
        ];
        for (i, left) in groups.iter().enumerate() {
            for (j, right) in groups.iter().enumerate() {
                for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
                    let decimal = Decimal::new(a.as_bytes());
                    assert_eq!(decimal.equals(b.as_bytes()), i == j, "{a} and {b}");
                    let (mut key_a, mut key_b) = (Vec::new(), Vec::new());
                    decimal.write_key(&mut key_a);
                    Decimal::write_key_of(b.as_bytes(), &mut key_b);
                    assert_eq!(key_a == key_b, i == j, "keys of {a} and {b}");
                }
            }
        }
    }
}
