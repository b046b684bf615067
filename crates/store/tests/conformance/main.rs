//! One suite for every store: what the port promises, asked of memory, of SQLite in a file and of SQLite in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod aged;
mod assets;
mod atomic;
mod attempts;
mod audit;
mod batches;
mod due;
mod endpoints;
mod failures;
mod feed;
mod generations;
mod holds;
mod idempotency;
mod listeners;
mod lists;
mod model;
mod parked;
mod projects;
mod relays;
mod replays;
mod secrets;
mod speech_jobs;
mod usage;
mod voices;
mod world;

/// Runs each named check on each kind of store.
macro_rules! suite {
    ($($part:ident: $($check:ident),+;)+) => {
        mod memory {
            $($(
                #[test]
                fn $check() {
                    futures::executor::block_on(super::$part::$check(&postsync_store::memory::Memory::new()));
                }
            )+)+
        }
        mod sqlite_file {
            $($(
                #[test]
                fn $check() {
                    let folder = tempfile::tempdir().unwrap();
                    futures::executor::block_on(super::$part::$check(&super::world::sqlite_in(folder.path())));
                }
            )+)+
        }
        mod sqlite_in_memory {
            $($(
                #[test]
                fn $check() {
                    futures::executor::block_on(super::$part::$check(&super::world::sqlite_in_memory()));
                }
            )+)+
        }
    };
}

suite! {
    assets: an_asset_reads_back_whole, what_is_said_of_it_is_said_by_its_own, lists_run_in_every_order_and_go_on_anywhere,
        a_search_looks_at_so_many_and_goes_on, what_was_removed_does_not_come_back_while_it_could, they_are_counted_as_they_come_and_go,
        what_waits_to_be_looked_at_is_found_until_it_was, organizations_take_turns_to_be_looked_at;
    aged: old_deliveries_are_found_as_they_stand, a_delivery_goes_with_its_attempts_and_its_event,
        what_is_to_be_delivered_never_goes, an_event_goes_with_the_last_of_its_deliveries,
        events_that_nobody_was_to_be_told_go_too, old_videos_are_found_and_it_is_kept_how_far_they_are_gone,
        old_uploads_are_found_and_go, many_attempts_go_with_their_delivery;
    atomic: a_stale_fence_takes_its_whole_list_with_it, a_failed_list_writes_nothing, a_list_sees_its_own_changes,
        an_empty_list_is_done, a_check_writes, of_two_who_want_the_same_one_is_stale, a_delivery_needs_its_event;
    generations: a_generation_reads_back_whole, starts_are_fenced, releases_are_fenced, ends_are_fenced, final_stays_final,
        open_ones_come_in_id_order_by_model, an_id_is_given_once,
        they_are_counted_as_they_move, one_that_has_ended_may_go_and_its_event_stays;
    batches: a_batch_reads_back_whole_with_its_rows, a_batch_moves_as_the_machine_says,
        a_row_is_counted_in_one_list_with_its_end, batches_are_listed_by_time_and_status,
        results_come_in_the_order_of_the_rows, what_waits_is_shared_out_by_turns, every_turn_comes;
    attempts: a_start_wants_the_next_number, an_end_wants_the_open_attempt, an_attempt_reads_back_whole,
        a_delivery_lives_through_retries, an_exhausted_one_says_why, a_start_may_ride_with_its_delivery,
        of_many_attempts_the_newest_are_shown, an_answer_without_a_body_is_not_no_answer, of_large_answers_the_newest_are_shown;
    due: comes_in_order_behind_the_cursor, places_are_told_without_their_rows_and_rows_by_their_places,
        open_ones_are_left_out_and_found_after_a_crash, next_due_looks_past_now,
        what_ended_is_due_no_more;
    parked: a_page_of_large_bodies_is_shorter, what_is_parked_is_found_by_its_lane_and_not_due, what_comes_back_is_as_it_was, parking_is_fenced,
        what_waits_on_is_over_later,
        what_is_parked_is_listed_as_that_and_not_as_due,
        who_was_a_probe_is_passed_over_until_its_time, what_waits_is_counted_by_destination_and_organization,
        a_probe_is_an_attempt_of_what_is_due_again, what_waited_too_long_ends, what_is_pending_can_be_ended_at_once;
    endpoints: an_endpoint_reads_back_whole_and_only_to_its_own, a_url_is_registered_once_in_an_organization,
        endpoints_on_record_are_those_of_deliveries,
        a_change_is_fenced_by_its_version, a_removed_endpoint_takes_its_secrets_along;
    projects: a_project_reads_back_whole_and_only_to_its_own, projects_are_listed_newest_first_and_bounded,
        assets_come_into_a_project_and_leave, a_project_has_so_many_assets_and_shows_them_in_any_order;
    relays: a_relay_is_begun_once_and_taken_once, only_who_is_at_work_writes_of_a_relay;
    replays: a_replay_reads_back_whole, the_place_of_a_walk_is_its_fence, a_walk_finds_what_its_filter_means,
        a_walk_goes_on_where_it_stopped, what_was_replayed_is_remembered, a_replays_delivery_is_one_like_any_other,
        so_many_run_at_once_and_no_more, old_replays_go_once_they_are_done,
        the_last_error_counts_also_of_what_ended_parked, what_waits_for_its_turn_is_told,
        a_walk_that_begins_behind_its_end_finds_nothing;
    lists: generations_by_status_order_and_cursor, a_page_ends_where_its_texts_are_long, generations_by_id,
        deliveries_by_every_filter,
        organizations_see_only_their_own, last_id_is_the_highest_of_all;
    failures: dead_letters_are_found_by_their_last_error;
    feed: places_have_no_holes_and_are_each_organizations_own, a_feed_is_read_both_ways, a_page_of_a_feed_ends_where_its_bodies_are_long,
        a_reader_beside_writers_misses_nothing, a_committed_cursor_never_moves_back,
        consumers_are_bounded_and_idle_ones_make_room;
    access: organizations_and_keys_are_made_once, a_key_is_revoked_once, no_key_is_made_beyond_the_bound, assets_read_back,
        media_that_rows_name_is_told_apart;
    holds: what_is_held_is_offered_to_nobody_until_it_is_let_in, what_ended_while_it_was_held_waits_no_more,
        what_counts_against_a_limit_is_open_or_waits,
        open_ones_are_found_by_organization_and_status, a_keys_use_is_written_down_now_and_then, keys_come_newest_first,
        an_organization_keeps_its_plan, an_organizations_limits_change_from_where_they_were_found;
    idempotency: a_key_is_used_once_in_a_day_with_its_generation, of_two_with_one_key_in_one_commit_one_is_taken,
        old_keys_go_a_few_at_a_time;
    audit: an_entry_is_written_with_its_generation_and_stays_without_it, entries_are_found_by_what_is_asked_for,
        a_page_of_long_inputs_is_shorter, old_entries_go_a_few_at_a_time;
    usage: what_has_ended_is_listed_by_when_it_did;
    speech_jobs: organizations_take_turns_to_be_spoken_in_each_lane, a_speech_job_reads_back_whole_and_only_to_its_own, a_speech_job_is_moved_by_who_is_at_work_on_it,
        a_key_makes_one_speech_job_in_a_day, so_many_speech_jobs_wait_and_old_ones_go;
    listeners: a_listener_reads_back_whole_and_keeps_when_it_was_first_seen, a_place_moves_on_and_never_back_by_an_answer,
        what_has_no_place_waits_for_each_that_takes_it, both_have_their_bounds, an_answer_is_on_record_and_no_replay_means_it;
    voices: a_voice_is_one_organizations, a_voice_gets_its_id_once_and_is_found_by_its_tag_before, an_organization_has_so_many_voices;
    secrets: secrets_move_through_a_rotation, secrets_move_only_from_where_they_were_found, each_owner_has_its_own_secrets;
}
