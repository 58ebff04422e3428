"""What the tests share does not depend on the machine or on the order of the tests."""

from hypothesis import settings


def test_laws_have_no_deadline_and_the_same_cases_in_every_run() -> None:
    assert settings().deadline is None
    assert settings().derandomize
