//! What the benchmarks share: the table of ratios that each of them prints.
//!
//! A benchmark never promises an absolute number: machines differ. It compares two things that it measured in the
//! same run, and says whether the ratio is within its bound.

pub mod report;
pub mod turns;
