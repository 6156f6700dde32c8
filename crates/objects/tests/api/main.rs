//! The object API over real HTTP, with signed requests.
#![expect(unreachable_pub, reason = "the modules of one test program")]

mod bodies;
mod buckets;
mod client;
mod events;
mod forms;
mod lists;
mod objects;
mod server;
mod special;
mod uploads;
mod wire;
