"""The table of faults: each case, the tests that hold it, and what is to be known about it.

Knows: every case that relayproxy is held against, A1 to F13.
Must not know: how a case is tested.
"""

from dataclasses import dataclass
from typing import Literal

Need = Literal["root", "cgroup v1", "faketime", "haproxy"]


@dataclass(frozen=True)
class Case:
    """One fault. `tests` are run with every other test, `severe` by `make faults` alone; both are ids of pytest."""

    id: str
    fault: str
    tests: tuple[str, ...] = ()
    severe: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    """What `severe` needs of the machine."""
    note: str = ""
    """What holds when it is not what the fault's name leads to expect; what cannot be injected, and why."""


GROUPS = {
    "A": "Storage and telemetry",
    "B": "Backends",
    "C": "Twilio's side and what it sends",
    "D": "Strangers, HTTP and load",
    "E": "Pages, exports, logs and privacy",
    "F": "Life of the processes",
}

_SHADOW = "tests/relay/shadow/test_connection.py::"
_BACKEND = "tests/faults/test_backend.py::"
_TWILIO = "tests/faults/test_twilio.py::"
_HTTP = "tests/faults/test_http.py::"
_PROCESSES = "tests/faults/test_processes.py::"
_STORAGE = "tests/faults/severe_storage.py::"
_MACHINE = "tests/faults/severe_processes.py::"
_DAMAGE = "tests/system/test_journal_damage.py::"
_SUPERVISOR = "tests/supervisor/test_processes.py::"
_MOVING = "tests/recorder/background/test_moving.py::"
_OBJECTS = "tests/store/read/test_recording_objects.py::"
_SWEEPER = "tests/store/write/moving/test_sweeper.py::"
_POSTGRES = "tests/system/test_postgres.py::"
_OTLP = "tests/telemetry/export/test_otlp.py::"
_CAUSES = "tests/telemetry/export/test_causes.py::"
_METRICS = "tests/telemetry/export/test_otlp_metrics.py::"
_UNREACHABLE = _BACKEND + "test_a_backend_that_cannot_be_reached"
_NO_MESSAGE = _TWILIO + "test_a_message_that_is_none"
_NO_CALL = _HTTP + "test_a_request_that_is_no_call"

STORAGE = (
    Case(
        "A1",
        "the database is down at the start",
        (
            _SUPERVISOR + "test_trouble_with_the_database_is_said_and_calls_work_until_it_is_over",
            _POSTGRES + "test_what_runs_without_a_database_says_what_to_do_and_works_once_it_is_there",
        ),
    ),
    Case(
        "A2",
        "the database dies in the middle of a call",
        (
            _POSTGRES + "test_a_call_is_followed_on_another_machine_and_survives_a_crash_of_the_database",
            "tests/store/test_errors.py::test_writer_and_reader_go_on_once_the_server_is_back",
        ),
    ),
    Case(
        "A3",
        "the database hangs without an error",
        (
            _POSTGRES + "test_a_server_that_is_frozen_is_told_in_time_and_calls_go_on",
            "tests/store/test_postgresql.py::"
            "test_a_question_ends_when_the_server_takes_no_connection_and_its_connection_is_closed",
        ),
    ),
    Case(
        "A4",
        "the database takes seconds for each commit",
        severe=(_STORAGE + "test_a_database_that_takes_seconds_for_each_commit",),
    ),
    Case(
        "A5",
        "somebody else holds a lock on the database",
        (
            "tests/system/test_faults.py::test_calls_do_not_notice_a_database_that_cannot_be_written",
            "tests/store/test_errors.py::test_somebody_elses_lock_is_not_waited_for_for_ever",
        ),
    ),
    Case(
        "A6",
        "the disk is full, and has room again",
        (
            "tests/store/write/test_archive.py::test_a_full_disk_is_an_outage_that_ends",
            "tests/journal/test_writer.py::test_a_disk_that_is_full_costs_chunks_and_no_more",
        ),
        (_STORAGE + "test_a_disk_that_is_full_and_has_room_again",),
        ("root",),
    ),
    Case(
        "A8",
        "the SQLite file is damaged",
        (
            _SUPERVISOR + "test_a_damaged_database_is_moved_aside_and_calls_are_recorded_in_a_new_one",
            "tests/system/test_damaged_database.py::"
            "test_a_database_that_is_damaged_while_serve_runs_is_moved_aside_and_told",
        ),
    ),
    Case(
        "A9",
        "the schema is of another version",
        (
            "tests/store/schema/test_revisions.py::test_a_database_of_a_later_version_is_refused",
            "tests/store/schema/test_revisions.py::test_a_database_of_an_earlier_version_asks_for_a_migration",
            "tests/recorder/test_recorder.py::test_a_database_without_schema_is_waited_for",
        ),
    ),
    Case(
        "A10",
        "a migration while calls go on, and two at once",
        (
            _SUPERVISOR + "test_a_migration_that_waits_holds_up_neither_calls_nor_the_end",
            "tests/store/schema/test_migrate.py::test_several_at_once_take_turns",
            "tests/store/schema/test_server_migration.py::test_one_waits_for_another",
        ),
    ),
    Case(
        "A11",
        "a great deletion while calls go on",
        (
            "tests/store/write/deletion/test_deletion.py::test_a_deletion_in_the_smallest_pieces_does_the_same",
            "tests/store/write/deletion/test_deleter.py::test_an_interrupted_run_goes_on_and_twice_is_harmless",
            "tests/store/write/deletion/test_deleter.py::test_space_is_given_back",
            "tests/console/health/diagnosis/test_retention.py::test_what_it_did_and_each_route_are_told",
        ),
        note="That a step is small is held by what it does, not by its time: no test measures how long a writer waits.",
    ),
    Case(
        "A12",
        "two recorders share a database",
        (
            _POSTGRES + "test_two_recorders_share_a_database_and_leave_each_others_calls_alone",
            "tests/recorder/test_recorder_two_machines.py::"
            "test_a_call_that_comes_back_elsewhere_is_one_session_whose_ends_all_count",
            "tests/recorder/test_recorder_two_machines.py::"
            "test_in_whatever_order_two_journals_are_read_a_session_is_the_same",
            "tests/recorder/test_recorder_two_machines.py::"
            "test_two_recorders_that_come_to_know_of_a_call_at_once_make_one_session_of_it",
        ),
    ),
    Case(
        "A13",
        "two systems on one data folder",
        (
            "tests/recorder/test_process.py::test_a_second_recorder_refuses_to_start",
            "tests/recorder/test_process.py::test_a_second_recorder_of_the_same_journal_refuses_to_start",
            _SUPERVISOR + "test_a_data_folder_serves_one_whose_live_calls_a_second_signal_closes",
            "tests/supervisor/test_child.py::test_a_recorder_that_still_works_after_serve_was_killed_holds_up_no_call",
        ),
    ),
    Case(
        "A14",
        "readers of the console take all its connections to the database",
        (
            _PROCESSES + "test_many_slow_readers_of_the_console_hold_up_neither_calls_nor_their_record",
            "tests/store/test_errors.py::test_a_query_of_a_reader_that_takes_too_long_ends",
        ),
        note="The recorder is a process of its own with connections of its own.",
    ),
    Case(
        "A15",
        "a row in a batch that the database refuses",
        (
            _NO_MESSAGE + "[a null character]",
            _NO_MESSAGE + "[half a character]",
            "tests/store/write/test_archive.py::test_characters_that_databases_refuse_do_not_hold_up_the_batch",
        ),
    ),
    Case(
        "A16",
        "a commit whose answer got lost, or a recorder killed behind it",
        (
            "tests/recorder/test_recorder_restart.py::test_killed_at_every_commit",
            "tests/recorder/test_recorder_restart.py::test_killed_while_it_writes_deflate_windows",
            "tests/recorder/test_journal_player_windows.py::test_windows_that_are_lost_are_a_gap_and_the_call_goes_on",
            "tests/system/test_faults.py::test_a_recorder_killed_again_and_again_neither_loses_nor_doubles_a_message",
            "tests/recorder/test_recorder_two_machines.py::test_a_commit_whose_answer_got_lost_counts_once",
        ),
        (_MACHINE + "test_a_recorder_killed_fifty_times_neither_loses_nor_doubles_a_message",),
    ),
    Case("A18", "nobody takes the spans", (_OTLP + "test_a_collector_that_fails_holds_nobody_up",)),
    Case(
        "A19",
        "a collector of spans or metrics that is slow, silent or refuses",
        (
            _OTLP + "test_a_collector_that_swallows_everything_is_trouble_before_the_exporter_gives_up",
            _OTLP + "test_a_silent_collector_does_not_keep_the_process",
            _CAUSES + "test_calls_are_recorded_and_the_loss_is_counted_and_said_once",
            _CAUSES + "test_what_may_come_right_is_tried_again",
            _CAUSES + "test_a_slow_endpoint_is_not_waited_for",
            _CAUSES + "test_what_only_looks_like_success_over_http_is_counted_too",
            _METRICS + "test_a_silent_collector_holds_nobody_up_and_does_not_keep_the_process",
            _METRICS + "test_a_failure_is_said_once_and_no_secret_with_it",
        ),
    ),
    Case("A20", "a wrong token for the spans", (_OTLP + "test_a_wrong_token_is_said_once_and_never_shown",)),
    Case(
        "A21",
        "the machine loses power",
        ("tests/store/write/test_archive.py::test_a_writer_killed_at_any_point_has_written_whole_batches",),
        (_STORAGE + "test_a_machine_that_loses_power",),
        note="No machine is switched off. All processes are stopped at one moment and their files copied, which "
        "shows the order of writes; what the disk itself had not yet written is not shown.",
    ),
    Case(
        "A22",
        "the bucket or folder of recordings is away",
        (
            "tests/system/test_objects.py::test_calls_go_to_the_bucket_and_are_read_and_erased_there",
            _MOVING + "test_a_place_that_is_away_is_told_of_while_recording_goes_on_and_gets_all_once_it_is_back",
        ),
    ),
    Case(
        "A23",
        "another server, or a folder that is not mounted, answers in its stead",
        (
            _OBJECTS + "test_another_folder_in_its_stead_has_not_lost_anything",
            _SWEEPER + "test_another_folder_in_its_stead_has_not_deleted_anything",
        ),
    ),
    Case(
        "A24",
        "a process dies between writing a recording to a bucket and naming it",
        (_SWEEPER + "test_what_no_row_names_goes_once_it_is_old_enough_and_nothing_else",),
        note="The row keeps its bytes; what was written is deleted a day later, by the clock of the bucket.",
    ),
    Case(
        "A25",
        "an object is gone from the bucket, or another one",
        (_OBJECTS + "test_an_object_that_is_gone_or_another_one_is_told_of",),
    ),
    Case(
        "A26",
        "a standby takes over, with all that was committed or without the last of it",
        (
            "tests/system/test_failover.py::test_recording_goes_on_with_the_standby_and_nothing_is_lost_or_doubled",
            "tests/system/test_failover.py::test_commits_that_did_not_reach_the_standby_are_made_again_or_told_as_a_gap",
            "tests/recorder/test_journal_player.py::"
            "test_what_a_database_of_before_lacks_and_the_journal_has_deleted_is_a_gap",
        ),
        note="What a standby may lack, and how to have one that never does: [databases.md](databases.md).",
    ),
    Case(
        "A27",
        "one of several journals may not be read or deleted",
        (
            "tests/recorder/test_recorder_disk.py::test_a_journal_that_may_not_be_looked_into_holds_up_no_other",
            "tests/recorder/test_recorder_disk.py::test_what_a_file_system_keeps_in_a_folder_is_no_journal",
            "tests/recorder/test_recorder_disk.py::test_a_journal_that_could_not_be_deleted_is_once_it_can_be",
        ),
        note="The recorder's log names it.",
    ),
    Case(
        "A28",
        "a part of a living relay's journal is damaged",
        (
            _DAMAGE + "test_a_bit_that_flips_in_the_living_journal_costs_one_call_and_not_all_that_follow",
            _DAMAGE + "test_calls_whose_beginning_or_end_lay_in_the_damage_end_while_their_relay_goes_on",
            "tests/recorder/test_journal_player_lost_endings.py::"
            "test_a_call_that_began_in_the_damage_and_goes_on_stays_and_ends_as_others_do",
            "tests/recorder/test_journal_player_lost_endings.py::"
            "test_a_call_of_which_neither_opening_nor_ending_can_be_read_ends",
        ),
        note="Health tells of the gap, and so does each call that was live. A call whose ending it held is over within "
        "seconds, and says that how it ended was not recorded. Where the journal's next entry about that is damaged as "
        "well, it is over with the next call that ends, or after a minute and a half.",
    ),
)

BACKENDS = (
    Case("B1", "the backend refuses the connection", (_UNREACHABLE + "[gone]",)),
    Case(
        "B2",
        "the backend does not take the connection",
        (_UNREACHABLE + "[full]",),
        note="By a listener whose queue is full, so that its packets are dropped as a firewall drops them.",
    ),
    Case("B3", "the backend takes the connection and never answers", (_UNREACHABLE + "[silent]",)),
    Case(
        "B4",
        "the backend's certificate is expired, of another name, or of nobody known",
        (_UNREACHABLE + "[expired]", _UNREACHABLE + "[misnamed]", _UNREACHABLE + "[unknown]"),
    ),
    Case(
        "B5",
        "the backend answers 4xx or 5xx",
        (
            _BACKEND + "test_a_backend_that_answers_something_else[403]",
            _BACKEND + "test_a_backend_that_answers_something_else[500]",
        ),
    ),
    Case(
        "B6",
        "the backend redirects",
        (
            _BACKEND + "test_a_redirect_is_never_followed_with_twilios_signature",
            _BACKEND + "test_a_backend_that_answers_something_else[302]",
        ),
        note="The redirect is passed on as it is, like any other answer; nobody follows it.",
    ),
    Case(
        "B7",
        "the backend answers 200, or 101 with a wrong key",
        (
            _BACKEND + "test_a_backend_that_answers_something_else[200]",
            _BACKEND + "test_an_answer_whose_key_is_wrong_is_left_for_twilio_to_judge",
            "tests/relay/handshake/test_upstream.py::test_what_is_no_answer_is_502",
        ),
        note="Both are passed on as they are: the relay adds no judgement of its own to an answer.",
    ),
    Case(
        "B8",
        "the backend answers 101 and closes at once",
        (
            _BACKEND + "test_a_backend_that_answers_and_closes_in_one_packet_loses_nothing",
            "tests/relay/test_splice.py::test_a_backend_that_answers_and_leaves_in_one_breath",
        ),
    ),
    Case("B9", "the backend closes with 1001, 1011 or 4000", (_BACKEND + "test_a_backend_that_closes_with_a_code",)),
    Case(
        "B10",
        "the backend is gone without a close frame",
        (_BACKEND + "test_a_backend_that_vanishes_in_the_middle_of_a_frame[eof]",),
    ),
    Case(
        "B11",
        "the backend resets in the middle of a frame",
        (_BACKEND + "test_a_backend_that_vanishes_in_the_middle_of_a_frame[reset]",),
        note="What came of the frame is kept as an incomplete message.",
    ),
    Case(
        "B12",
        "the backend ends its stream and still reads",
        (_BACKEND + "test_a_backend_that_has_said_all_still_hears",),
    ),
    Case(
        "B13",
        "an end that stops reading",
        (
            "tests/relay/test_splice.py::test_a_stalled_reader_stops_the_sender_and_costs_no_memory",
            "tests/relay/test_splice_taping.py::test_what_waits_for_a_reader_is_told_from_what_leaves_at_once",
        ),
        (_MACHINE + "test_little_memory_and_readers_who_do_not_read",),
        ("root", "cgroup v1"),
        note="Messages that had to wait are marked in the record; no log line is written for them.",
    ),
    Case(
        "B14",
        "a flood from the backend",
        (
            "tests/relay/test_splice_taping.py::test_beyond_its_limit_a_call_goes_on_and_what_it_says_is_counted",
            "tests/journal/test_tape.py::test_what_does_not_fit_becomes_one_gap_a_side_in_the_place_where_it_is_missing",
        ),
    ),
    Case(
        "B15",
        "the backend freezes",
        (
            _BACKEND + "test_a_backend_that_freezes_keeps_its_call_and_the_caller_is_shown_to_wait",
            "tests/console/sessions/test_api.py::test_a_caller_who_waits_is_an_alarm",
        ),
    ),
    Case(
        "B16",
        "the backend's name is unknown, or its address changes",
        (_UNREACHABLE + "[nowhere]",),
        (_MACHINE + "test_a_backend_that_moves_to_another_address",),
        ("root",),
        note="A changed address is used within ten seconds, for which answers of name servers are kept.",
    ),
    Case("B17", "the backend restarts", (_BACKEND + "test_a_backend_that_restarts_keeps_its_calls_and_gets_new_ones",)),
    Case(
        "B18",
        "the backend never answers a close",
        severe=(_MACHINE + "test_a_twilio_that_has_gone_and_a_backend_that_never_notices",),
        note="The close handshake is that of the two ends. Once one end's stream has finished and nothing moves for 30 "
        "seconds, the relay ends the other one.",
    ),
    Case(
        "B19",
        "data right behind the 101",
        (
            _BACKEND + "test_a_backend_that_answers_and_closes_in_one_packet_loses_nothing",
            "tests/relay/test_splice.py::test_bytes_glued_to_either_handshake_arrive",
        ),
    ),
    Case(
        "B20",
        "a shadow refuses, crashes, floods or does not read",
        (
            _SHADOW + "test_a_second_backend_that_fails_is_recorded_and_the_call_goes_on",
            _SHADOW + "test_one_that_does_not_read_is_given_up_and_the_call_gets_everything",
        ),
        note="What its calls cost the others is measured: [shadow.md](shadow.md#what-it-cannot-do).",
    ),
)

TWILIO = (
    Case("C1", "the caller hangs up", (_TWILIO + "test_a_caller_who_hangs_up",)),
    Case(
        "C2",
        "Twilio's side resets, vanishes, ends its stream or reads slowly",
        (
            _TWILIO + "test_a_twilio_that_vanishes_while_an_answer_is_under_way",
            _TWILIO + "test_a_twilio_that_has_said_all_still_hears",
            "tests/relay/test_splice.py::test_a_stalled_reader_stops_the_sender_and_costs_no_memory",
        ),
    ),
    Case("C3", "JSON that does not end", (_NO_MESSAGE + "[half an object]",)),
    Case(
        "C4",
        "a type that is unknown, missing or no text; JSON that is no object",
        tuple(
            f"{_NO_MESSAGE}[{name}]"
            for name in (
                "an unknown type",
                "no type",
                "a type that is a number",
                "a number",
                "a list",
                "null",
                "nothing",
            )
        ),
    ),
    Case("C5", "binary frames", (_TWILIO + "test_bytes_that_are_no_text_are_kept_as_bytes",)),
    Case(
        "C6",
        "a message of many megabytes",
        (
            _TWILIO + "test_a_message_of_15_mb_is_passed_on_and_kept_as_head_length_and_hash",
            "tests/relay/test_splice_taping.py::test_beyond_its_limit_a_call_goes_on_and_what_it_says_is_counted",
        ),
    ),
    Case("C8", "deep nesting", (_NO_MESSAGE + "[nested a hundred thousand deep]",)),
    Case(
        "C9",
        "numbers of thousands of digits, NaN, the same key twice, a byte order mark",
        tuple(
            f"{_NO_MESSAGE}[{name}]"
            for name in ("a number of 5,000 digits", "NaN", "the same key twice", "a byte order mark")
        ),
    ),
    Case("C10", "text that is no UTF-8", (_TWILIO + "test_bytes_that_are_no_text_are_kept_as_bytes",)),
    Case(
        "C11",
        "NUL and halves of characters",
        (_NO_MESSAGE + "[a null character]", _NO_MESSAGE + "[half a character]"),
    ),
    Case("C12", "fragments with a ping between them", (_TWILIO + "test_fragments_and_control_frames",)),
    Case(
        "C13",
        "pings of more than 125 bytes, pongs that nobody asked for",
        (_TWILIO + "test_fragments_and_control_frames",),
    ),
    Case(
        "C14",
        "compressed frames, and a bomb",
        (
            _TWILIO + "test_compression_is_agreed_by_the_two_ends_and_a_bomb_costs_little",
            "tests/recorder/decoding/test_deflate.py::test_a_bomb_costs_bounded_memory",
        ),
    ),
    Case(
        "C15",
        "frames against the protocol",
        (
            _TWILIO + "test_frames_against_the_protocol_are_passed_on_and_end_the_decoding_of_that_side",
            "tests/relay/test_splice.py::test_a_conversation_looks_the_same_with_and_without_the_relay",
        ),
        note="`make conformance` besides: Autobahn's 301 cases, with the relay and without it.",
    ),
    Case("C16", "no setup message", (_TWILIO + "test_a_call_without_setup_is_a_session_of_its_own",)),
    Case("C17", "a second setup message", (_TWILIO + "test_the_first_setup_of_a_connection_counts",)),
    Case("C19", "a megabyte of custom parameters", (_TWILIO + "test_a_megabyte_of_custom_parameters",)),
    Case(
        "C20",
        "messages out of order",
        (_TWILIO + "test_messages_out_of_order_are_kept_in_the_order_in_which_they_came",),
    ),
    Case(
        "C21",
        "a call that comes back",
        (
            _TWILIO + "test_a_call_that_comes_back_on_another_connection_is_one_session",
            "tests/recorder/test_recorder_two_machines.py::"
            "test_a_call_that_comes_back_elsewhere_is_one_session_whose_ends_all_count",
        ),
    ),
    Case(
        "C22",
        "two live connections with one session id",
        (_TWILIO + "test_two_live_connections_with_one_id_are_both_relayed_and_flagged",),
    ),
    Case("C23", "a flood of partial prompts", (_TWILIO + "test_a_flood_of_partial_prompts_is_recorded_whole",)),
    Case(
        "C24",
        "a call of a day",
        ("tests/recorder/sessions/test_sessions.py::test_what_is_kept_of_a_long_call_does_not_grow_with_it",),
        note="Nobody waits for a day, and the relay's clock is monotonic, which no tool sets forward. The relay has "
        "no idle timer; `make soak` holds quiet calls open from its beginning to its end.",
    ),
)

HTTP = (
    Case(
        "D1",
        "heads that do not end",
        (
            "tests/relay/listener/test_server.py::test_a_head_that_does_not_end_is_answered_408_and_counted",
            "tests/relay/listener/test_server.py::test_heads_that_do_not_end_make_room_for_those_that_do",
            "tests/test_private_http.py::test_a_head_that_does_not_end_is_not_waited_for",
            "tests/receiver/test_http_app.py::test_requests_that_do_not_end_hold_up_nobody",
            "tests/receiver/test_http_app.py::test_requests_that_do_not_end_are_given_up",
        ),
    ),
    Case(
        "D2",
        "connections that say nothing",
        ("tests/relay/listener/test_server.py::test_a_head_that_does_not_end_is_answered_408_and_counted",),
        (_MACHINE + "test_five_thousand_connections_that_say_nothing",),
    ),
    Case(
        "D3",
        "a flood of connections",
        (
            "tests/relay/listener/test_capacity.py::test_beyond_its_limits_a_relay_answers_503_and_calls_go_on",
            "tests/recorder/sessions/test_attempts.py::test_of_a_flood_the_database_keeps_a_few_and_health_is_told_the_rest",
        ),
    ),
    Case(
        "D4",
        "no file descriptors left",
        ("tests/relay/test_descriptors.py::test_a_call_too_many_gets_503_in_our_own_name_while_the_others_go_on",),
    ),
    Case(
        "D5",
        "a head of too many or too long lines",
        (_NO_CALL + "[a header of 70 KiB]", _NO_CALL + "[2,000 headers]", _NO_CALL + "[a request line of 70 KiB]"),
    ),
    Case(
        "D6",
        "heads that can be read in two ways",
        (
            *(
                f"{_NO_CALL}[{name}]"
                for name in (
                    "Content-Length and Transfer-Encoding",
                    "Host twice",
                    "a header folded over two lines",
                    "NUL in a header",
                )
            ),
            _HTTP + "test_line_feeds_alone_end_no_line",
        ),
    ),
    Case("D7", "an upgrade with a body", (_NO_CALL + "[an upgrade with a body]", _NO_CALL + "[an upgrade in chunks]")),
    Case(
        "D8",
        "Host and X-Forwarded-… that lie",
        (
            _HTTP + "test_what_strangers_claim_of_themselves_is_stored_and_not_believed",
            "tests/system/test_signatures.py::test_with_a_public_url_a_strangers_claims_change_nothing",
            "tests/relay/handshake/test_forwarded.py::test_a_strangers_word_counts_for_nothing",
        ),
    ),
    Case(
        "D10",
        "paths that climb, and static files",
        (
            _HTTP + "test_no_target_chooses_where_a_call_goes",
            "tests/relay/test_handler.py::test_nothing_gets_out_of_a_backends_path",
            "tests/console/http/test_middleware.py::test_nothing_but_the_fixed_files_is_served",
        ),
        note="Below a backend without a path, any path arrives as it is: it is the backend's own.",
    ),
    Case(
        "D11",
        "a target named in URL, header or query",
        (
            _HTTP + "test_no_target_chooses_where_a_call_goes",
            "tests/console/connect/test_connect_page.py::test_no_page_of_another_site_makes_this_machine_send_anything",
        ),
        note="Backends come from the settings alone; no page adds one.",
    ),
    Case(
        "D13",
        "CONNECT, TRACE, POST and absolute targets",
        (
            _NO_CALL + "[CONNECT]",
            _NO_CALL + "[TRACE]",
            _NO_CALL + "[POST]",
            "tests/relay/test_handler.py::test_of_an_absolute_target_the_configured_backend_gets_path_and_query",
        ),
    ),
    Case(
        "D14",
        "HTTP/2, TLS or garbage on a plain port",
        (_NO_CALL + "[HTTP/2's preface]", _NO_CALL + "[TLS on a plain port]", _NO_CALL + "[garbage]"),
    ),
    Case(
        "D15",
        "a missing or wrong signature",
        (
            "tests/system/test_signatures.py::"
            "test_with_enforce_the_backend_is_dialled_for_what_twilio_signed_and_nothing_else",
            "tests/relay/handshake/test_verification.py::test_what_has_no_signature_and_what_is_not_checked",
            "tests/console/sessions/test_session_page_signature.py::test_every_session_says_whether_twilio_signed_it",
        ),
    ),
    Case(
        "D16",
        "a signature that is sent again",
        (
            _TWILIO + "test_two_live_connections_with_one_id_are_both_relayed_and_flagged",
            "tests/recorder/sessions/test_sessions.py::test_no_first_frame_lets_a_stranger_into_a_signed_call",
        ),
        note="A signature has no time in it, so that the same request is signed for ever. What shows: two connections "
        "that claim one session id, on the pages of both.",
    ),
    Case(
        "D17",
        "a message that takes long to parse",
        (_TWILIO + "test_a_message_of_15_mb_is_passed_on_and_kept_as_head_length_and_hash",),
        note="The relay parses no message, so that none can hold its loop up; no stall is injected into it.",
    ),
    Case(
        "D18",
        "memory over many calls",
        (
            "tests/relay/test_process_memory.py::test_memory_is_flat_over_many_calls",
            "tests/relay/test_process_memory.py::test_nothing_is_left_of_a_call",
            "tests/recorder/test_recorder_memory.py::test_calls_that_are_over_are_not_kept",
        ),
        note="`make soak` besides, over an hour of traffic with faults.",
    ),
    Case(
        "D19",
        "the recorder stands still while calls come",
        (_PROCESSES + "test_what_a_frozen_recorder_has_no_room_for_is_a_gap_of_exactly_that_size",),
        (_MACHINE + "test_hundreds_of_calls_while_the_recorder_stands_still",),
    ),
    Case(
        "D20",
        "a fifth of a processor",
        severe=(_MACHINE + "test_a_fifth_of_a_processor_for_all_of_it",),
        needs=("root", "cgroup v1"),
    ),
    Case(
        "D21",
        "the clock is set an hour forward and back",
        (
            "tests/console/health/diagnosis/test_health_facts.py::"
            "test_a_recorder_is_neither_missed_nor_believed_in_because_a_clock_was_set",
            "tests/recorder/test_recorder_redaction.py::"
            "test_a_clock_that_is_set_forward_lets_no_key_go_before_its_time",
            "tests/recorder/test_recorder_redaction.py::test_what_is_held_goes_although_the_clock_was_set_back",
        ),
        (_MACHINE + "test_a_clock_that_is_set_forward_and_back",),
        ("faketime",),
        note="Times of day are kept in UTC, so that summer time and leap seconds of a zone do not come in.",
    ),
)

PAGES = (
    Case(
        "E1",
        "markup in whatever a caller can send",
        (
            "tests/console/test_browser.py::test_hostile_text_is_shown_as_text",
            "tests/console/listing/test_list_page.py::test_hostile_words_are_shown_as_text",
            "tests/console/http/test_render.py::test_whatever_somebody_said_is_text",
            "tests/console/health/test_health_page.py::test_what_is_told_cannot_break_the_page",
            "tests/console/http/test_middleware.py::test_no_page_has_a_script_or_a_style_within",
        ),
    ),
    Case(
        "E2",
        "a live page opened by another site",
        (
            "tests/console/access/test_origins.py::test_nothing_is_given_to_pages_of_other_sites",
            "tests/console/access/test_signin_browser.py::test_a_page_of_another_site_gets_and_changes_nothing",
            "tests/console/access/test_signin.py::test_a_live_stream_ends_with_the_cookie_that_opened_it",
        ),
        note="Live pages are server-sent events over plain requests; the console has no WebSocket.",
    ),
    Case(
        "E3",
        "a form posted from another site",
        ("tests/console/access/test_origins.py::test_posts_come_from_our_own_pages",),
    ),
    Case(
        "E4",
        "formulas in exports",
        ("tests/console/sessions/test_export_content.py::test_a_transcript_is_not_broken_by_what_was_said",),
        note="Exports are JSON, JSON Lines and plain text; there is none that a spreadsheet opens.",
    ),
    Case(
        "E5",
        "SQL, wildcards and regular expressions in searches",
        (
            "tests/console/sessions/test_message_pages.py::test_hostile_searches_stay_text",
            "tests/console/filters/test_language.py::"
            "test_no_text_breaks_it_and_every_token_is_in_force_or_complained_about",
            "tests/store/test_errors.py::test_a_read_of_sqlite_that_takes_too_long_ends",
        ),
    ),
    Case(
        "E6",
        "orders, cursors and page sizes that are none",
        (
            "tests/console/test_postgres.py::test_odd_parameters_are_no_failure",
            "tests/store/read/test_list_by_time.py::test_a_cursor_that_is_none_is_refused",
            "tests/store/read/test_sorted_list.py::test_a_cursor_of_another_order_is_refused",
        ),
    ),
    Case(
        "E7",
        "the id of somebody else's call",
        (
            "tests/console/access/test_signin.py::test_every_path_but_a_few_asks",
            "tests/console/access/test_audit_log.py::test_opening_a_session_is_an_entry_each_time_and_its_parts_are_none",
        ),
        note="There are no tenants: who may sign in may see every call, and the audit says which.",
    ),
    Case(
        "E9",
        "secrets in logs, pages and traces",
        (
            "tests/relay/test_headers.py::test_credentials_in_odd_places_are_masked_for_the_record",
            "tests/relay/test_headers.py::test_secrets_are_masked_for_the_record_and_other_bytes_made_printable",
            "tests/test_logs.py::test_a_traceback_says_where_and_never_what_was_said",
            "tests/store/test_engine.py::test_a_password_is_not_told",
            "tests/relay/handshake/test_verification.py::test_no_secret_shows_in_what_is_printed",
        ),
    ),
    Case(
        "E10",
        "what callers say in logs and traces",
        (
            "tests/test_logs.py::test_what_nobody_caught_in_the_event_loop_is_told_without_its_words_or_arguments",
            "tests/store/test_engine.py::test_a_failed_statement_does_not_quote_what_was_written",
            _NO_MESSAGE + "[half an object]",
        ),
    ),
    Case(
        "E11",
        "a card number, spoken, typed or split",
        (
            "tests/system/test_redaction.py::test_a_card_number_a_pin_and_an_address_are_stored_nowhere",
            "tests/recorder/test_recorder_redaction.py::test_no_row_and_no_file_of_the_database_has_the_card_number",
            "tests/redaction/test_redactor.py::test_a_secret_cut_anywhere_over_tokens_never_survives",
            "tests/recorder/test_recorder_redaction.py::"
            "test_a_recorder_that_dies_while_words_are_held_loses_nothing_and_stores_nothing_unmasked",
            "tests/redaction/test_redactor.py::test_words_of_an_unfinished_number_are_held_and_not_flashed",
            "tests/redaction/test_redactor.py::test_when_redaction_fails_metadata_alone_is_kept",
        ),
    ),
    Case(
        "E12",
        "keys that a caller presses, and digits that the backend sends",
        (
            "tests/system/test_redaction.py::test_a_card_number_a_pin_and_an_address_are_stored_nowhere",
            "tests/redaction/test_redactor.py::test_a_menu_choice_stays_and_a_pin_becomes_its_length",
            "tests/redaction/test_redactor.py::test_digits_that_the_agent_sends_and_their_echo",
            "tests/redaction/test_redactor.py::test_keys_by_setting",
        ),
    ),
    Case(
        "E13",
        "erasure of a number while it is in a call",
        (
            "tests/system/test_erasure.py::test_an_erased_caller_is_in_no_file_any_more",
            "tests/recorder/background/test_deletion.py::"
            "test_a_call_that_is_erased_while_it_lives_goes_when_it_ends_and_what_twilio_goes_on_with_too",
            "tests/store/write/deletion/test_deleter.py::test_a_live_call_is_erased_when_it_ends",
            "tests/store/write/deletion/test_deleter.py::test_erased_words_and_numbers_are_in_no_file_any_more",
            "tests/journal/test_erase.py::"
            "test_an_erased_connection_is_gone_from_the_files_and_the_others_are_read_as_before",
            "tests/store/write/deletion/test_erasures.py::test_an_order_is_in_the_audit_without_what_was_sought",
        ),
    ),
    Case(
        "E14",
        "retention with a live session across the boundary",
        (
            "tests/store/write/deletion/test_retention.py::test_time_counts_from_the_end_and_a_live_call_is_never_due",
            "tests/store/write/deletion/test_deletion.py::test_a_live_session_is_left_alone",
        ),
    ),
    Case(
        "E15",
        "passwords that are guessed, accounts that everybody knows",
        (
            "tests/console/access/test_throttle.py::test_many_attempts_at_the_same_time_are_not_all_free",
            "tests/console/access/test_signin.py::test_too_many_attempts_have_to_wait",
            "tests/settings/test_requirements.py::test_elsewhere_the_console_insists_on_a_sign_in",
        ),
    ),
    Case(
        "E16",
        "a session of twenty thousand messages",
        (
            "tests/console/sessions/test_session_page.py::test_twenty_thousand_messages_are_reached_from_both_ends",
            "tests/console/sessions/test_session_page.py::test_the_page_of_a_long_call_is_light",
        ),
    ),
    Case("E18", "headers of responses", ("tests/console/http/test_middleware.py::test_every_response_is_protected",)),
)

LIFE = (
    Case(
        "F1",
        "SIGTERM with live calls",
        (
            "tests/relay/test_process.py::test_sigterm_lets_a_live_call_end_by_itself_and_refuses_new_ones",
            "tests/relay/test_process.py::test_for_the_drain_delay_a_load_balancer_is_told_and_calls_are_still_taken",
            "tests/relay/test_process.py::test_after_the_drain_timeout_calls_are_closed_without_an_invented_frame",
            _SUPERVISOR + "test_the_first_ctrl_c_lets_live_calls_end_and_everything_of_them_is_recorded",
        ),
        note="A call that outlives the drain is closed without a close frame: the relay sends no byte of its own after "
        "the handshake.",
    ),
    Case(
        "F2",
        "a second SIGTERM",
        (
            "tests/relay/test_process.py::test_a_second_sigterm_closes_at_once",
            "tests/relay/test_process.py::test_a_second_sigterm_does_not_wait_for_a_backend_that_says_nothing",
        ),
    ),
    Case(
        "F3",
        "SIGKILL in the middle of a call",
        (
            _PROCESSES + "test_a_relay_that_is_killed_costs_its_calls_alone",
            _PROCESSES + "test_a_relay_that_is_killed_as_a_call_begins_still_shows_that_there_was_one",
            "tests/supervisor/test_child.py::test_whichever_dies_is_started_again_at_the_same_address",
        ),
        note="How a call opens is handed to the journal's thread at once, what is said every 25 ms: what came in "
        "between is lost with the process.",
    ),
    Case(
        "F4",
        "a rolling restart on one host",
        ("tests/supervisor/test_relays.py::test_everything_is_replaced_at_sighup_and_no_call_notices",),
        note="At SIGHUP `serve` has a new relay listen on the socket of the old one before that one stops.",
    ),
    Case(
        "F5",
        "a rolling restart behind a load balancer",
        severe=(_MACHINE + "test_one_relay_after_the_other_is_replaced_behind_haproxy",),
        needs=("haproxy",),
    ),
    Case(
        "F6",
        "SIGHUP",
        (
            "tests/test_signals.py::test_signals_close_together_stop_a_process_in_order_and_a_hangup_does_not",
            "tests/supervisor/test_relays.py::test_everything_is_replaced_at_sighup_and_no_call_notices",
            "tests/supervisor/test_relays.py::test_settings_that_are_wrong_replace_nothing",
            "tests/supervisor/test_relays.py::test_relays_whose_successors_do_not_start_go_on",
        ),
        note="`serve` reads its settings again and replaces its processes; a process that runs alone ignores it.",
    ),
    Case(
        "F7",
        "a bug in decoding, folding or taping",
        (
            "tests/recorder/decoding/test_connection.py::test_a_bug_in_the_decoder_is_counted_as_undecodable",
            "tests/recorder/sessions/test_session.py::test_a_bug_in_the_fold_costs_the_meaning_and_not_the_messages",
            "tests/recorder/test_rebuild.py::test_a_bug_in_the_fold_costs_nothing_that_is_stored",
        ),
    ),
    Case(
        "F8",
        "little memory",
        severe=(_MACHINE + "test_little_memory_and_readers_who_do_not_read",),
        needs=("root", "cgroup v1"),
        note="Memory is bounded by call and by journal buffer, and calls by their number; no call is refused for the "
        "memory that is left.",
    ),
    Case(
        "F9",
        "the certificate is replaced",
        ("tests/relay/listener/test_certificate.py::test_new_calls_get_the_new_certificate_and_live_ones_go_on",),
        note="Within five seconds, without a signal; live calls keep their connection.",
    ),
    Case(
        "F10",
        "either end goes at any moment",
        (
            _PROCESSES + "test_however_two_ends_go_both_are_closed_and_one_end_is_recorded",
            "tests/relay/test_process_memory.py::test_nothing_is_left_of_a_call",
        ),
    ),
    Case(
        "F11",
        "a port that is taken",
        (
            "tests/cli/test_main.py::test_a_taken_port_is_said_without_a_traceback",
            _SUPERVISOR + "test_one_that_cannot_start_stops_the_start",
            "tests/supervisor/test_listening.py::test_an_address_where_others_share_their_sockets_is_taken_as_well",
        ),
    ),
    Case(
        "F12",
        "a machine is gone, and its disk is mounted on another one",
        ("tests/recorder/test_drain.py::test_what_a_dead_machine_has_left_is_recorded_where_its_volume_is_mounted",),
    ),
    Case(
        "F13",
        "recorders, consoles and relays of two machines on one database are killed and replaced at random",
        ("tests/system/test_machines.py::test_no_message_is_lost_or_doubled_whatever_is_killed_or_replaced",),
        note="For as long as you like with `make chaos`.",
    ),
    Case(
        "F14",
        "somebody tells a relay to end that `serve` keeps running",
        (
            "tests/supervisor/test_relays.py::test_a_relay_that_somebody_tells_to_end_has_a_successor_while_its_calls_go_on",
        ),
    ),
)

CASES = (*STORAGE, *BACKENDS, *TWILIO, *HTTP, *PAGES, *LIFE)
