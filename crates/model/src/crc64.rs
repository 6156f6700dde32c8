//! The checksum that function code and objects carry: CRC-64 with the polynomial of ECMA-182, reflected, as in XZ.
//!
//! Source: OSS, header `x-oss-hash-crc64ecma`; Function Compute 2023-03-30, `codeChecksum`.

use crc::{CRC_64_XZ, Crc, Digest, Table};

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// The polynomial, reflected: bit 63 is the coefficient of x⁰.
const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;

/// The polynomial 1.
const ONE: u64 = 1 << 63;

/// The polynomial x⁸: what one more byte multiplies a remainder with.
const X_TO_8: u64 = 1 << 55;

/// A checksum in the making.
#[derive(Clone)]
pub struct Crc64(Digest<'static, u64, Table<16>>);

impl Crc64 {
    /// Starts with no bytes; the checksum of nothing is 0.
    pub fn new() -> Self {
        Self(CRC.digest())
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn finish(self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

/// The checksum of `bytes`.
pub fn crc64(bytes: &[u8]) -> u64 {
    CRC.checksum(bytes)
}

/// The checksum of two byte strings in a row, from the checksum of each and the length of the second.
pub fn crc64_combine(first: u64, second: u64, second_bytes: u64) -> u64 {
    // Appending n bytes multiplies the first remainder by x^8n. Initial value and final inversion cancel out.
    multiply(first, power(X_TO_8, second_bytes)) ^ second
}

/// The product of two polynomials modulo the checksum's.
fn multiply(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    for shift in (0..64).rev() {
        if a >> shift & 1 == 1 {
            product ^= b;
        }
        b = if b & 1 == 1 { b >> 1 ^ POLYNOMIAL } else { b >> 1 };
    }
    product
}

/// A polynomial to the power of `exponent`, by squaring.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = ONE;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, base);
        }
        base = multiply(base, base);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values_come_out() {
        let table: [(&[u8], u64); 5] = [
            (b"", 0),
            (b"123456789", 11_051_210_869_376_104_954),
            (b"hello", 11_177_612_005_948_864_433),
            (b"abc", 3_231_342_946_509_354_535),
            (b"abcdef", 15_028_124_401_329_963_252),
        ];
        for (bytes, expected) in table {
            assert_eq!(crc64(bytes), expected, "{bytes:?}");
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(crc64(&all), 8_232_944_260_754_389_680);
        let (ones, twos) = (crc64(&[1; 102_400]), crc64(&[2; 102_400]));
        assert_eq!((ones, twos), (16_651_010_557_542_598_396, 12_916_457_916_635_736_331));
        assert_eq!(crc64_combine(ones, twos, 102_400), 3_702_825_910_953_194_919);
    }

    proptest! {
        #[test]
        fn combining_is_the_same_as_reading_on(first: Vec<u8>, second: Vec<u8>) {
            let mut whole = Crc64::new();
            whole.update(&first);
            whole.update(&second);
            let combined = crc64_combine(crc64(&first), crc64(&second), second.len() as u64);
            prop_assert_eq!(whole.finish(), combined);
        }
    }
}
