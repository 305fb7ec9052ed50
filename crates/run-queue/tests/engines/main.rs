//! One set of tests, run on both engines.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves; a failed step is a failed test"
)]

mod damage;
mod model;
mod place;
mod suite;

use place::Place;

/// Makes each function of the suite a test on both engines.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                crate::suite::$name(&crate::Place::sqlite());
            })*
        }
        mod postgresql {
            $(#[test]
            fn $name() {
                if let Some(place) = crate::Place::postgres() {
                    crate::suite::$name(&place);
                }
            })*
        }
    };
}

on_both! {
    a_job_goes_from_submission_to_its_end
    the_same_key_gives_the_same_job
    jobs_are_taken_by_priority_and_age_and_one_of_a_repository
    an_abandoned_job_is_taken_over_and_its_first_worker_refused
    attempts_are_counted_at_the_claim_and_capped
    a_job_is_cancelled_waiting_running_and_abandoned
    deadlines_end_jobs_without_a_worker
    a_job_given_back_is_not_charged
    lists_are_filtered_and_paged
    ended_jobs_can_be_forgotten_and_others_cannot
    what_was_accepted_is_there_after_reopening
    many_submitters_and_workers_lose_and_double_nothing
    a_change_wakes_who_waits_in_another_process
    odd_texts_come_back_as_they_went_in
    random_histories_agree_with_the_model
}
