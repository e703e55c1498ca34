"""The audit of dependencies never takes silence for an answer."""

from tests.audit import report

SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
FLAWED = {
    "name": "jinja2",
    "version": "3.1.2",
    "vulns": [
        {"id": "PYSEC-2024-1", "fix_versions": ["3.1.3"]},
        {"id": "PYSEC-2024-2", "fix_versions": []},
    ],
}
UNKNOWN = {"name": "ours", "skip_reason": "not found"}


def test_sound_packages_pass() -> None:
    assert report([SOUND]) == (["audit: 1 package asked about, 0 known vulnerabilities"], 0)


def test_vulnerabilities_are_named_with_what_fixes_them() -> None:
    assert report([SOUND, FLAWED]) == (
        [
            "jinja2 3.1.2: PYSEC-2024-1, fixed in 3.1.3",
            "jinja2 3.1.2: PYSEC-2024-2, no fix yet",
            "audit: 2 packages asked about, 2 known vulnerabilities",
        ],
        1,
    )


def test_a_package_that_nobody_knows_is_said_so() -> None:
    assert report([SOUND, UNKNOWN]) == (
        ["audit: nothing is known of ours", "audit: 1 package asked about, 0 known vulnerabilities"],
        2,
    )


def test_a_registry_that_does_not_answer_is_no_clean_bill() -> None:
    assert report([UNKNOWN]) == report([])
    assert report([]) == (["audit: no service could be asked, so nothing is known of any package"], 2)
