//! Every rule that the simulation can take out of force, and the checker that must notice.

/// A rule that is missing.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The name that `postsync_core::rule::holds` is asked for.
    pub rule: &'static str,
    /// Who must notice.
    pub checker: &'static str,
}

const fn mutant(rule: &'static str, checker: &'static str) -> Mutant {
    Mutant { rule, checker }
}

/// All of them, in the order of the nine rooms.
pub const MUTANTS: [Mutant; 63] = [
    mutant("ids_go_above_what_is_on_disk", "ids_rise"),
    mutant("a_generation_is_audited", "each_is_audited_once"),
    mutant("what_overflows_is_read_back", "accepted_ends"),
    mutant("what_overflows_meanwhile_is_read_back", "accepted_ends"),
    mutant("work_left_open_is_taken_up", "accepted_ends"),
    mutant("an_end_makes_room", "accepted_ends"),
    mutant("deaths_are_counted", "dies_three_times_ends_failed"),
    mutant("what_is_handed_back_is_not_counted", "stop_hands_back"),
    mutant("work_is_bounded_in_time", "settles_within_bound"),
    mutant("works_are_bounded", "in_flight_bounded"),
    mutant("job_folders_are_removed", "nothing_left"),
    mutant("work_ends_before_its_folder", "work_ends_before_its_folder"),
    mutant("work_shown_is_work_under_way", "nothing_left"),
    mutant("the_end_is_one_commit", "event_reaches_or_exhausts"),
    mutant("the_last_row_is_fenced", "batches_end_once"),
    mutant("the_first_point_counts", "schedule_respected"),
    mutant("the_end_is_fenced", "final_stays_final"),
    mutant("a_cancel_stops_the_work", "cancels_stop_work"),
    mutant("a_restart_goes_on_watching", "handed_on_once"),
    mutant("no_submit_without_a_live_key", "handed_on_once"),
    mutant("a_lost_webhook_loses_nothing", "relays_are_watched"),
    mutant("speech_and_its_end_are_one_commit", "speech_is_made_once"),
    mutant("waits_are_told", "waits_are_told"),
    mutant("feeds_are_told", "feeds_are_told"),
    mutant("cursors_never_move_back", "cursors_never_fall"),
    mutant("a_listener_moves_by_its_answers", "listeners_hear_all"),
    mutant("what_is_under_way_is_not_read_again", "listeners_hear_all"),
    mutant("a_replay_moves_with_what_it_makes", "replays_are_whole"),
    mutant("attempts_in_flight_are_bounded", "in_flight_bounded"),
    mutant("slots_are_kept_for_first_attempts", "in_flight_bounded"),
    mutant("windows_are_kept", "windows_kept"),
    mutant("an_open_circuit_holds_back", "circuits_hold"),
    mutant("endpoints_do_not_blame_their_destination", "circuits_hold"),
    mutant("what_is_parked_is_fed", "settles_within_bound"),
    mutant("probes_use_no_step", "schedule_respected"),
    mutant("a_probe_waits_for_its_next_point", "schedule_respected"),
    mutant("a_short_schedule_is_not_held_back", "schedule_respected"),
    mutant("a_pause_holds_back", "pauses_hold"),
    mutant("an_endpoints_limit_is_kept", "limits_kept"),
    mutant("an_endpoints_rate_is_kept", "rates_kept"),
    mutant("only_what_is_due_is_sent", "schedule_respected"),
    mutant("a_start_is_on_record_first", "post_has_start"),
    mutant("a_start_is_fenced", "attempts_rise_by_one"),
    mutant("open_attempts_are_recovered", "event_reaches_or_exhausts"),
    mutant("the_body_is_frozen", "same_bytes"),
    mutant("one_maker_of_secrets", "signed_as_on_disk"),
    mutant("secrets_are_read_again", "signed_as_on_disk"),
    mutant("the_next_secret_signs_too", "signed_as_on_disk"),
    mutant("the_previous_secret_signs_on", "signed_as_on_disk"),
    mutant("the_attempt_number_is_sent", "attempts_rise_by_one"),
    mutant("only_2xx_delivers", "delivered_implies_2xx"),
    mutant("a_2xx_is_believed", "delivered_implies_2xx"),
    mutant("failures_are_tried_again", "schedule_respected"),
    mutant("gone_ends_it", "schedule_respected"),
    mutant("own_faults_use_no_step", "schedule_respected"),
    mutant("only_our_own_faults_are_ours", "post_has_start"),
    mutant("interruptions_are_free_at_first", "schedule_respected"),
    mutant("stops_use_no_step", "schedule_respected"),
    mutant("a_complete_head_decides", "delivered_implies_2xx"),
    mutant("retry_after_is_honoured", "schedule_respected"),
    mutant("jitter_is_a_tenth", "schedule_respected"),
    mutant("an_outcome_is_fenced", "one_owner"),
    mutant("a_stop_waits", "stop_hands_back"),
];
