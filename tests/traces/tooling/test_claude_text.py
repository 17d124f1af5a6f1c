"""What Claude Code puts into user messages, told from what a person said."""

from __future__ import annotations

import time

from traces.tooling.claude_text import NOTICE, PRINTED, PROMPT, TYPED, read_user_text, slash_command


def test_a_person_s_words_stay_as_they_are():
    assert read_user_text("  a\n\n<b>c</b>\n") == [(PROMPT, "  a\n\n<b>c</b>\n")]


def test_reminders_stand_apart_wherever_they_are():
    one, two = "<system-reminder>\none\n</system-reminder>", "<system-reminder>two</system-reminder>"
    assert read_user_text(f"before\n\n{one}\nafter{two}") == [
        (PROMPT, "before"),
        (NOTICE, one),
        (PROMPT, "after"),
        (NOTICE, two),
    ]


def test_a_reminder_that_never_ends_is_text():
    assert read_user_text("<system-reminder>open") == [(PROMPT, "<system-reminder>open")]


def test_a_person_s_own_command_and_what_it_printed():
    assert read_user_text("<bash-input>ls -l</bash-input>") == [(TYPED, "ls -l")]
    assert read_user_text("<bash-stdout>a</bash-stdout><bash-stderr>b</bash-stderr>") == [(PRINTED, "a\nb")]
    assert read_user_text("<bash-stdout></bash-stdout><bash-stderr></bash-stderr>") == [(PRINTED, "")]


def test_a_slash_command_is_read_as_it_was_typed():
    notice = "<command-message>x is running</command-message>\n<command-name>/x</command-name>"
    assert slash_command(notice) == "/x"
    assert slash_command(f"{notice}\n<command-args>a <b> c</command-args>") == "/x a <b> c"
    assert slash_command("clear") is None


def test_reading_takes_time_in_proportion_to_the_text():
    began = time.process_time()
    for hostile in ("<system-reminder>", "</system-reminder>", "<command-name>", "<bash-stdout>"):
        read_user_text(hostile * 60_000)
        slash_command(hostile * 60_000)
    assert time.process_time() - began < 1
