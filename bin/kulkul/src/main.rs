//! The `kulkul` program: arguments, configuration, wiring and signals.

fn main() {}
