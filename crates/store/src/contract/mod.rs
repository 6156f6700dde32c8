//! The contract tests: what every engine must do, as functions that an engine's own tests call.
//!
//! An engine implements [`Engine`] for its tests and names it in [`contract_tests!`](crate::contract_tests), which
//! makes one test of each function here. Every test gets an engine with a store of its own, empty at first.
//! Time is an argument of the traits, so no test waits for any.

pub mod blobs;
pub mod event_log;
mod given;
pub mod leases;
pub mod messages;
pub mod metadata;
pub mod objects;
pub mod pages;
pub mod retention;
pub mod settling;
pub mod traces;
pub mod watching;

use std::pin::Pin;
use std::sync::Arc;

use crate::objects::Objects;
use crate::{Blobs, EventLog, MessageLog, Metadata, Traces};

/// An engine under test, with the place where its store is kept.
pub trait Engine: Send + Sync {
    /// Opens the store. What a former one kept is there.
    fn open(&self) -> Opening<'_>;

    /// Closes what [`open`](Engine::open) returned.
    fn close(&self) -> Closing<'_>;
}

/// The future of [`Engine::open`].
pub type Opening<'a> = Pin<Box<dyn Future<Output = Store> + Send + 'a>>;

/// The future of [`Engine::close`].
pub type Closing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The parts of an open store.
#[derive(Clone)]
pub struct Store {
    /// The event log and its queues.
    pub log: Arc<dyn EventLog>,
    /// Messages, kept in it.
    pub messages: Arc<dyn MessageLog>,
    /// Its traces.
    pub traces: Arc<dyn Traces>,
    /// The metadata.
    pub metadata: Arc<dyn Metadata>,
    /// The blobs.
    pub blobs: Arc<dyn Blobs>,
    /// Buckets and objects.
    pub objects: Arc<dyn Objects>,
}

/// Makes a test of each function of the contract.
///
/// Takes an expression that makes a new [`Engine`](crate::contract::Engine) with an empty store of its own.
#[macro_export]
macro_rules! contract_tests {
    ($engine:expr) => {
        $crate::contract_tests! { @modules $engine;
            event_log {
                places_ascend_in_the_order_given
                a_record_reads_back_as_it_was_appended
                a_record_that_never_was_reads_as_none
                an_append_of_nothing_stores_nothing
                records_and_deliveries_survive_reopening
                places_are_not_given_out_again_after_reopening
                concurrent_appends_get_places_of_their_own
                a_large_body_reads_back
                a_record_goes_to_many_queues
                queues_are_listed_while_they_have_deliveries
                the_numbers_of_a_queue_follow_its_leases
                a_queue_that_never_was_is_empty
                browsing_goes_by_position_and_leases_nothing
                one_delivery_is_found
                a_purge_empties_one_queue
            }
            leases {
                what_is_due_longest_is_leased_first
                nothing_is_leased_before_its_time
                a_lease_keeps_others_away_until_it_runs_out
                a_lease_at_birth_keeps_others_away_until_it_runs_out
                a_lease_does_not_outlive_its_time_across_reopening
                what_stands_behind_thousands_of_leases_is_found
                what_is_appended_before_leased_ones_is_found
                concurrent_leases_never_share_a_delivery
                queues_are_leased_from_separately
                a_lease_of_nothing_leases_nothing
            }
            settling {
                what_is_done_is_off_its_queue
                what_waits_is_due_again_at_its_time
                what_waits_for_an_earlier_time_is_found
                a_lease_given_back_is_free_at_once
                a_note_is_kept_until_it_is_replaced
                a_move_takes_a_delivery_to_another_queue
                a_delivery_moved_to_the_end_of_time_is_never_leased
                a_dead_letter_can_move_back
                a_move_onto_a_queue_that_has_the_record_leaves_one_delivery
                settling_twice_is_harmless
                settling_what_never_was_is_harmless
                settling_what_was_purged_is_harmless
                what_was_not_leased_can_be_settled
                settlements_survive_reopening
            }
            messages {
                taking_goes_by_queue_and_then_by_time
                what_was_taken_is_leased
                taking_tells_when_the_next_is_due
                what_is_given_back_is_free_at_once
                an_exchange_needs_the_present_footing
                one_of_many_concurrent_exchanges_wins
                what_is_forgotten_is_gone_from_everywhere
                places_of_forgotten_records_are_not_given_out_again
                many_records_can_be_forgotten
                a_glance_shows_what_is_due
                a_tally_tells_the_tried_from_the_untried
            }
            traces {
                a_trace_tells_all_that_is_known
                attempts_are_told_by_queue_and_in_order
                a_repeated_attempt_is_told_once
                attempts_of_a_dead_letter_that_is_sent_again_are_told_too
                an_id_is_looked_for_in_its_log_only
                records_of_one_id_are_told_newest_first
                one_of_several_with_an_id_is_found_by_its_place
                a_record_is_found_among_thousands
                records_are_found_by_every_attribute
                times_are_inclusive
                records_are_found_by_the_queues_they_went_to
                what_is_found_comes_in_pages_newest_first
                counting_stops_where_it_is_told
                what_was_found_is_found_after_reopening
            }
            pages {
                pages_go_on_where_they_stopped_in_both_orders
                what_is_appended_meanwhile_shifts_no_page
                a_page_tells_routes_owed_and_delivered
                records_are_found_by_where_they_stand
                what_happens_on_other_queues_does_not_count
                what_is_owed_is_found_among_thousands
                many_that_are_owed_are_found_too
                standings_and_attributes_must_hold_together
                a_page_of_large_bodies_is_cut
                what_a_log_accepted_since_is_told_newest_first
                only_what_counts_is_told_of_what_a_log_accepted
            }
            retention {
                what_is_too_old_goes
                the_oldest_go_when_bodies_take_too_much
                what_is_owed_stays
                trimming_goes_on_where_it_stopped
                what_was_trimmed_is_forgotten_everywhere
                places_of_trimmed_records_are_not_given_out_again
                what_bodies_take_is_known_exactly
                all_of_many_records_can_be_trimmed
            }
            metadata {
                a_document_reads_back_as_it_was_created
                creating_what_is_there_is_a_conflict
                replacing_needs_the_present_revision
                deleting_heeds_the_revision_when_given
                a_revision_is_never_given_out_twice
                listing_goes_by_key_and_in_pages
                all_documents_of_a_prefix_are_read
                a_put_creates_a_document_or_replaces_it
                a_prefix_is_taken_literally
                documents_survive_reopening
                one_of_many_concurrent_creations_wins
                concurrent_replacements_lose_nothing
            }
            watching {
                a_watch_begins_with_what_is_there
                changes_follow_in_order
                a_watch_tells_of_its_prefix_only
                a_watch_misses_nothing_that_happens_while_it_begins
                a_slow_watcher_loses_its_stream
                a_watch_ends_with_the_engine
            }
            blobs {
                a_blob_is_named_by_its_digest
                an_empty_blob_is_a_blob
                storing_twice_is_one_blob
                a_blob_that_never_was_is_not_found
                a_deleted_blob_is_gone
                blobs_survive_reopening
            }
            objects {
                an_object_is_what_was_written_also_after_reopening
                a_change_on_older_knowledge_is_a_conflict
                a_change_and_its_records_are_stored_together_or_not_at_all
                a_reader_sees_the_old_bytes_to_their_end
                a_copy_shares_the_bytes_until_the_last_one_goes
                one_of_several_appends_at_once_wins
                an_empty_appendable_object_takes_its_first_bytes
                a_bucket_with_anything_in_it_cannot_be_deleted
                parts_become_an_object
                lists_are_sorted_folded_and_cut_into_pages
                uploads_are_listed_by_key_and_id
            }
        }
    };
    (@modules $engine:expr; $($module:ident { $($test:ident)* })*) => {
        $(mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let engine = $engine;
                    $crate::contract::$module::$test(&engine).await;
                    $crate::contract::Engine::close(&engine).await;
                }
            )*
        })*
    };
}
