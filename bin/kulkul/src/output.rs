//! Standard output, as commands use it.
//!
//! The macros hide those of the same names in `std`, which panic when nobody reads any more, as in
//! `kulkul event search | head -1`. Here the program ends then, quietly and with success: its reader has what it wanted.
//! The server is no such command, and says nothing through them.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process;

use crate::commands::EXIT_FAILED;

macro_rules! print {
    ($($part:tt)*) => { $crate::output::write(format_args!($($part)*)) };
}

macro_rules! println {
    () => { $crate::output::write(format_args!("\n")) };
    ($($part:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($part)*))) };
}

/// Writes a text.
pub fn write(text: Arguments<'_>) {
    or_end(io::stdout().write_fmt(text));
}

/// Writes what need not be a text.
pub fn write_bytes(bytes: &[u8]) {
    or_end(io::stdout().write_all(bytes));
}

fn or_end(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            eprintln!("kulkul: cannot write to standard output: {error}");
            process::exit(EXIT_FAILED.into());
        }
    }
}
