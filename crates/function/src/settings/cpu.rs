//! The share of processors that an instance gets.

use crate::FunctionError;
use crate::error::invalid;

/// A share of virtual CPUs, in hundredths.
///
/// A multiple of 0.05 from 0.05 to 16, with 1 to 4 GiB of memory for each whole one.
/// Source: Function Compute 2023-03-30, `CreateFunctionInput.cpu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu(u32);

const HUNDREDTHS_MIN: u32 = 5;
const HUNDREDTHS_MAX: u32 = 1600;

impl Cpu {
    /// Takes a number of virtual CPUs as a client writes it.
    pub fn from_vcpus(vcpus: f64) -> Result<Self, FunctionError> {
        let hundredths = (vcpus * 100.0).round();
        // A client's 0.35 is not exactly 0.35; a thousandth is far from the next legal value.
        let near = (vcpus * 100.0 - hundredths).abs() < 0.1;
        let legal = near && (f64::from(HUNDREDTHS_MIN)..=f64::from(HUNDREDTHS_MAX)).contains(&hundredths);
        let share = if legal { hundredths as u32 } else { 0 };
        if share == 0 || !share.is_multiple_of(5) {
            return invalid(format!("cpu must be a multiple of 0.05 from 0.05 to 16, not {vcpus}"));
        }
        Ok(Self(share))
    }

    /// Takes over a value that was stored.
    pub(crate) fn from_hundredths(hundredths: u32) -> Self {
        Self(hundredths.clamp(HUNDREDTHS_MIN, HUNDREDTHS_MAX))
    }

    /// The share for a function whose owner gave only its memory: 0.7 for each GiB, which is the 0.35 that the
    /// official deploy tool sends with 512 MiB.
    pub fn default_for(memory_mib: u32) -> Self {
        let hundredths = (memory_mib * 70).div_ceil(1024).next_multiple_of(5);
        Self(hundredths.clamp(HUNDREDTHS_MIN, HUNDREDTHS_MAX))
    }

    /// In hundredths of a virtual CPU.
    pub fn as_hundredths(self) -> u32 {
        self.0
    }

    /// In virtual CPUs.
    pub fn as_vcpus(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Refuses a share that does not go with so much memory.
    pub(crate) fn check_against(self, memory_mib: u32) -> Result<(), FunctionError> {
        let memory = u64::from(memory_mib) * 100;
        let vcpus = u64::from(self.0) * 1024;
        if memory < vcpus || memory > 4 * vcpus {
            return invalid(format!(
                "cpu {} does not go with memorySize {memory_mib}: there must be 1 to 4 GB of memory for each vCPU",
                self.as_vcpus()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_multiples_of_a_twentieth() {
        for (vcpus, hundredths) in [(0.05, 5), (0.35, 35), (1.0, 100), (1.1, 110), (16.0, 1600)] {
            assert_eq!(Cpu::from_vcpus(vcpus).unwrap().as_hundredths(), hundredths, "{vcpus}");
        }
        for vcpus in [0.0, 0.03, -1.0, 0.36, 0.352, 16.05, f64::NAN, f64::INFINITY, 1e300] {
            assert!(Cpu::from_vcpus(vcpus).is_err(), "{vcpus}");
        }
    }

    #[test]
    fn each_processor_goes_with_one_to_four_gigabytes() {
        for (vcpus, memory_mib, fits) in
            [(1.0, 1024, true), (1.0, 4096, true), (1.0, 960, false), (1.0, 4160, false), (0.05, 128, true)]
        {
            let cpu = Cpu::from_vcpus(vcpus).unwrap();
            assert_eq!(cpu.check_against(memory_mib).is_ok(), fits, "{vcpus} {memory_mib}");
        }
        for memory_mib in (128..=32_768).step_by(64) {
            Cpu::default_for(memory_mib).check_against(memory_mib).unwrap();
        }
    }
}
